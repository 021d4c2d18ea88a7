import { propagation, type Baggage, type Context } from '@opentelemetry/api'
import type { AgentKeys } from './keys.ts'

/** Where in a delegation an agent stands, as its surroundings tell it. */
export interface Delegation {
  readonly depth: number
  /** Name of the agent at that depth. */
  readonly name: string | undefined
}

/** Bytes of an agent's name in baggage; more is cut. With the depth it is to fit beside a session id everywhere. */
const MAX_NAME_BYTES = 64
/** What a person may give as a depth. Incoming baggage is anybody's: a huge number must not count as one. */
const DEPTH = /^(?:0|[1-9]\d{0,2})$/

/** The delegation that baggage tells of; `undefined` without a small non-negative integer as its depth. */
export function delegationOf(context: Context, keys: AgentKeys): Delegation | undefined {
  const baggage = propagation.getBaggage(context)
  const depth = baggage?.getEntry(keys.depth)?.value
  if (depth === undefined || !DEPTH.test(depth)) return undefined
  const name = baggage?.getEntry(keys.name)?.value
  return { depth: Number(depth), name: name === undefined || name === '' ? undefined : cut(name) }
}

/** A context whose baggage tells what comes next that it was delegated by this agent, at this depth. */
export function withDelegation(context: Context, keys: AgentKeys, depth: number, name: string): Context {
  return propagation.setBaggage(
    context,
    ahead(propagation.getBaggage(context), { [keys.depth]: String(depth), [keys.name]: cut(name) }),
  )
}

/** Baggage with these members before all others: where a limit cuts, it cuts at the end. */
function ahead(baggage: Baggage | undefined, members: Record<string, string>): Baggage {
  const others = (baggage?.getAllEntries() ?? []).filter(([key]) => !Object.hasOwn(members, key))
  return propagation.createBaggage({
    ...Object.fromEntries(Object.entries(members).map(([key, value]) => [key, { value }])),
    ...Object.fromEntries(others),
  })
}

function cut(name: string): string {
  // Half a surrogate pair cannot be percent-encoded.
  const whole = name.replaceAll(/[\uD800-\uDFFF]/gu, '\uFFFD')
  if (encodeURIComponent(whole).length <= MAX_NAME_BYTES) return whole
  let kept = ''
  for (const character of whole) {
    if (encodeURIComponent(kept + character).length > MAX_NAME_BYTES) break
    kept += character
  }
  return kept
}
