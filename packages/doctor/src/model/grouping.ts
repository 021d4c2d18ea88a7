/** Adds to the list under a key. */
export function append<K, V>(groups: Map<K, V[]>, key: K, value: V): void {
  const list = groups.get(key)
  if (list === undefined) groups.set(key, [value])
  else list.push(value)
}
