import { textOf } from './text.ts'

/** Fields of an entry in any of the shapes in which clients deliver them. */
export type Fields = readonly unknown[] | ReadonlyMap<unknown, unknown> | Readonly<Record<string, unknown>>

/** Names and values in turn. `undefined` for what holds no fields, such as a deleted entry. */
export function listOf(fields: unknown): readonly unknown[] | undefined {
  if (Array.isArray(fields)) return fields
  if (fields instanceof Map) return [...fields].flat()
  if (typeof fields !== 'object' || fields === null) return undefined
  // Own fields only: with a type mapping to Buffers, a field named __proto__ becomes the object's prototype.
  return Object.entries(fields).flat()
}

/** A list back in the shape of `like`. */
export function inShapeOf(like: unknown, list: readonly unknown[]): Fields {
  if (Array.isArray(like)) return list
  if (like instanceof Map) {
    const map = new Map<unknown, unknown>()
    for (let i = 0; i + 1 < list.length; i += 2) map.set(list[i], list[i + 1])
    return map
  }
  const record: Record<string, unknown> = Object.create(Object.getPrototypeOf(like)) as Record<
    string,
    unknown
  >
  for (let i = 0; i + 1 < list.length; i += 2) {
    // Not by assignment, which would make a prototype of a field named __proto__.
    Object.defineProperty(record, textOf(list[i]), {
      value: list[i + 1],
      enumerable: true,
      writable: true,
      configurable: true,
    })
  }
  return record
}

/** A list without the fields of these lower-case names; the very same one if it has none of them. */
export function without<V>(list: readonly V[], names: ReadonlySet<string>): readonly V[] {
  let kept: V[] | undefined
  for (let i = 0; i < list.length; i += 2) {
    if (names.has(textOf(list[i]).toLowerCase())) kept ??= list.slice(0, i)
    else if (kept !== undefined) kept.push(...list.slice(i, i + 2))
  }
  return kept ?? list
}
