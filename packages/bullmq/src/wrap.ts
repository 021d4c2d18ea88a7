/** A method of BullMQ's, as far as a wrapper needs to know it. */
export type Method = (this: unknown, ...args: unknown[]) => unknown

// A registered symbol: two copies of this package wrap once.
const WRAPPED = Symbol.for('waybill.bullmq.wrapped')

/**
 * Wraps one method of a class, once; a class without that method is left alone.
 *
 * @throws what a frozen prototype throws
 */
export function wrapPrototype(owner: unknown, name: string, wrap: (original: Method) => Method): void {
  const prototype = (owner as { prototype?: Record<PropertyKey, unknown> } | undefined)?.prototype
  if (prototype === undefined || prototype === null) return
  wrapMethod(prototype, name, wrap)
}

/** Wraps one method of a prototype, once. */
export function wrapMethod(
  prototype: Record<PropertyKey, unknown>,
  name: string,
  wrap: (original: Method) => Method,
): void {
  const original = prototype[name]
  if (typeof original !== 'function' || wrappedIn(prototype).has(name)) return
  prototype[name] = wrap(original as Method)
  wrappedIn(prototype).add(name)
}

function wrappedIn(prototype: Record<PropertyKey, unknown>): Set<string> {
  if (!Object.hasOwn(prototype, WRAPPED)) Object.defineProperty(prototype, WRAPPED, { value: new Set() })
  return prototype[WRAPPED] as Set<string>
}
