import { isPlausible } from './waybill.ts'

/** Whose clock gave the start of a wait. */
export type Clock = 'producer' | 'broker'

/** Why the wait of a message cannot be known. */
export type UnknownReason =
  | 'no_timestamp'
  | 'redelivered'
  | 'dead_lettered'
  | 'rescheduled'
  | 'flow_parent'
  | 'replayed'
  | 'interface_only'

/** A moment (epoch ms) that an adapter offers as the start of the wait. `clock` is left out where the client cannot tell. */
export interface TimeSource {
  readonly at: number | undefined
  readonly clock?: Clock | undefined
  /** How coarse it is, in ms, where that is more than a clock's own step: a stamp in whole seconds is 1000 early at most. */
  readonly resolution?: number
  /**
   * For what only may be a clock reading, such as the id of a Redis entry: how far, in ms, it may lie ahead of this clock or
   * before what the producer stamped. Beyond that it is none. A stamp that is not believed can rule it out as well, since
   * it can only take a time away.
   */
  readonly toleranceMs?: number
}

/** What an adapter knows about the start of a message's wait. */
export interface Eligibility {
  /** Sources in order of preference; `sent` stands for the producer's own stamp. The first plausible one is used. */
  readonly times: readonly (TimeSource | 'sent')[]
  /** Set when no source can give the start of *this* wait, e.g. on a redelivery. */
  readonly unknown?: UnknownReason | undefined
  /** Where the message's age begins, if it is to be given besides a wait that begins later: after dead-lettering. */
  readonly agedFrom?: readonly (TimeSource | 'sent')[] | undefined
  /** Epoch ms before which the message was not to be delivered, because the application asked for a delay. */
  readonly due?: number | undefined
  /** That delay in ms. */
  readonly scheduledDelay?: number | undefined
}

/** The wait of one message: known, honestly unknown, or contradicted by the clocks. All times are epoch ms. */
export type Transit =
  | {
      readonly kind: 'known'
      readonly from: number
      readonly to: number
      readonly clock?: Clock | undefined
      readonly scheduledDelay?: number | undefined
      readonly resolution?: number | undefined
      readonly age?: number | undefined
    }
  | { readonly kind: 'unknown'; readonly reason: UnknownReason; readonly age?: number | undefined }
  | { readonly kind: 'skew'; readonly from: number; readonly to: number }

/**
 * How long a message waited until `now`, from what its adapter knows and what its producer stamped. Pure arithmetic: a
 * wrong number is worse than none, so anything doubtful is `unknown` (conventions §4).
 *
 * @param sent the producer's stamp, if it is believed
 * @param stamped the producer's stamp, believed or not
 */
export function transitOf(
  eligibility: Eligibility,
  sent: number | undefined,
  now: number,
  stamped: number | undefined = sent,
): Transit {
  const source = firstPlausible(eligibility.times, sent, stamped, now)
  if (eligibility.unknown !== undefined) {
    return { kind: 'unknown', reason: eligibility.unknown, age: source && Math.max(0, now - source.at) }
  }
  if (source === undefined) return { kind: 'unknown', reason: 'no_timestamp' }
  if (eligibility.due !== undefined && !Number.isFinite(eligibility.due)) {
    // Delayed until nobody knows when, e.g. from a timestamp of the application that is no number.
    return { kind: 'unknown', reason: 'no_timestamp', age: Math.max(0, now - source.at) }
  }
  if (eligibility.due !== undefined && now < eligibility.due) {
    // Delivered before it was due: promoted by hand, and nobody tells when.
    return { kind: 'unknown', reason: 'rescheduled', age: Math.max(0, now - source.at) }
  }
  const first = eligibility.agedFrom && firstPlausible(eligibility.agedFrom, sent, stamped, now)
  const at = notBefore(first?.at, source)
  const from = Math.max(at, eligibility.due ?? 0)
  if (now < from) return { kind: 'skew', from, to: now }
  return {
    kind: 'known',
    from,
    to: now,
    clock: source.clock,
    scheduledDelay: eligibility.scheduledDelay,
    // A due time is exact, however coarse the moment of the send is.
    resolution: from === at ? source.resolution : undefined,
    age: first && Math.max(0, now - first.at),
  }
}

/** A coarse moment does not lie before the message was there, as long as that is within its resolution. */
function notBefore(
  first: number | undefined,
  { at, resolution = 0 }: { at: number; resolution?: number | undefined },
): number {
  return first !== undefined && first > at && first < at + resolution ? first : at
}

/** Where a message has been between send and handler, as far as an adapter knows; epoch ms. */
export interface Stages {
  /** When the client wrote the message or, by the broker's clock, when the broker stored it. */
  readonly stored?: number | undefined
  /** When this process had the message, by the clock that also says when it reached the handler. */
  readonly fetched?: number | undefined
}

/** The parts of a wait in ms. One is missing where either of its ends is, or where the clocks contradict each other. */
export interface Split {
  readonly client?: number | undefined
  readonly broker?: number | undefined
  readonly local?: number | undefined
}

/** Splits a wait that ends at `now`. Only the local part is certain whatever the clocks of others say. */
export function splitOf({ stored, fetched }: Stages, sent: number | undefined, now: number): Split {
  return { client: between(sent, stored), broker: between(stored, fetched), local: between(fetched, now) }
}

function between(from: number | undefined, to: number | undefined): number | undefined {
  if (from === undefined || to === undefined) return undefined
  const wait = to - from
  return wait >= 0 ? wait : undefined
}

function firstPlausible(
  times: Eligibility['times'],
  sent: number | undefined,
  stamped: number | undefined,
  now: number,
): { at: number; clock: Clock | undefined; resolution: number | undefined } | undefined {
  for (const time of times) {
    if (time === 'sent') {
      if (sent !== undefined && isPlausible(sent, now))
        return { at: sent, clock: 'producer', resolution: undefined }
    } else if (time.at !== undefined && isPlausible(time.at, now) && isWithin(time, stamped, now)) {
      return { at: time.at, clock: time.clock, resolution: time.resolution }
    }
  }
  return undefined
}

function isWithin({ at = 0, toleranceMs }: TimeSource, stamped: number | undefined, now: number): boolean {
  if (toleranceMs === undefined) return true
  return at <= now + toleranceMs && (stamped === undefined || at >= stamped - toleranceMs)
}
