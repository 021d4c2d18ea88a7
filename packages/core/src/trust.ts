import { propagation, ROOT_CONTEXT, type Baggage, type Context } from '@opentelemetry/api'

/**
 * How far an incoming context is believed: `continue` its trace, only `link` to it, or `ignore` it. `link` and `ignore`
 * drop incoming baggage unless it is on the allow-list.
 */
export type Trust = 'continue' | 'link' | 'ignore'

/** Whether a Process span is a child of the creation context (and links it), or a new root that links it. */
export type Relation = 'parent' | 'link'

/** Why a Process span starts a new trace, so that a tool can tell intent from loss. */
export type RootReason = 'no_carrier' | 'malformed' | 'untrusted' | 'scheduled'

/** The baggage members whose keys are allowed; all of them without a list, `undefined` if none is left. */
export function allowedBaggage(
  baggage: Baggage | undefined,
  allow: readonly string[] | undefined,
): Baggage | undefined {
  if (baggage === undefined || allow === undefined) return baggage
  const entries = Object.fromEntries(baggage.getAllEntries().filter(([key]) => allow.includes(key)))
  return Object.keys(entries).length === 0 ? undefined : propagation.createBaggage(entries)
}

/** The root context with the baggage that this much trust lets through. */
export function contextWithBaggage(
  trust: Trust,
  incoming: Context,
  accept: readonly string[] | undefined,
): Context {
  const allow = trust === 'continue' ? accept : (accept ?? [])
  const baggage = allowedBaggage(propagation.getBaggage(incoming), allow)
  return baggage === undefined ? ROOT_CONTEXT : propagation.setBaggage(ROOT_CONTEXT, baggage)
}
