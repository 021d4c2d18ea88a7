// Registered symbols: two copies of a Waybill package in one process must see each other's marks.
const ORIGINALS = Symbol.for('waybill.patch.originals')

type Method = (...args: never[]) => unknown
type Originals = Map<string, { readonly own: boolean; readonly method: Method }>

/** Whether `patchMethod` has replaced methods of this very object under that mark. */
export function isPatched(target: object, mark: string): boolean {
  return originalsOf(target)?.has(mark) ?? false
}

/**
 * Replaces one method on one instance, never on a prototype, so that other instances stay as they are. A second call with
 * the same name is a no-op; `unpatch` undoes it.
 *
 * @param wrap gets the original, already bound to `target` (clients with private fields need that), and returns the
 *   replacement
 * @returns false if the method was patched before
 */
export function patchMethod<T extends object, K extends keyof T & string>(
  target: T,
  name: K,
  wrap: (original: T[K] & Method) => T[K] & Method,
): boolean {
  const originals = originalsOf(target) ?? new Map<string, { own: boolean; method: Method }>()
  if (originals.has(name)) return false
  const method = target[name] as T[K] & Method
  originals.set(name, { own: Object.hasOwn(target, name), method })
  Object.defineProperty(target, name, {
    value: wrap(method.bind(target) as T[K] & Method),
    writable: true,
    configurable: true,
    enumerable: Object.getOwnPropertyDescriptor(target, name)?.enumerable ?? false,
  })
  Object.defineProperty(target, ORIGINALS, { value: originals, configurable: true, enumerable: false })
  return true
}

/** Puts the original methods of an instance back. */
export function unpatch(target: object): void {
  const originals = originalsOf(target)
  if (originals === undefined) return
  for (const [name, { own, method }] of originals) {
    if (own) (target as Record<string, unknown>)[name] = method
    else delete (target as Record<string, unknown>)[name]
  }
  delete (target as Record<symbol, unknown>)[ORIGINALS]
}

function originalsOf(target: object): Originals | undefined {
  return Object.hasOwn(target, ORIGINALS)
    ? ((target as Record<symbol, unknown>)[ORIGINALS] as Originals)
    : undefined
}
