/** What is known about one delivery of a message beyond the message itself. */
export interface Delivery {
  /** Number of this delivery, from 1; left out where it cannot be known. */
  readonly attempt?: number | undefined
  readonly unknown?: 'redelivered' | 'replayed' | undefined
  readonly relation?: 'link' | undefined
}

/** Some messages of one partition while they are with the handler. */
export interface HandedOver {
  readonly of: (offset: number) => Delivery
  /** @param comesAgain whether the client will deliver messages of this call once more: it failed, or did not resolve them */
  readonly end: (comesAgain: boolean) => void
}

/** Which messages a consumer has seen before. Classic groups and records have no delivery count, so we keep it. */
export interface Deliveries {
  readonly handOver: (topic: string, partition: number, first: number, last: number) => HandedOver
  /** After a join of the group: forgets the partitions that are no longer assigned to this member. */
  readonly rejoined: (assignment: unknown) => void
}

/** One partition: three numbers and two flags, whatever the number of messages. */
interface Seen {
  readonly highest: number
  /** Offsets that will be delivered again because of how their last delivery ended, and what that delivery will be. */
  readonly again: { readonly from: number; readonly to: number; readonly next: Delivery } | undefined
  /** The group was joined anew and nothing new has come since: what comes again had not been committed. */
  readonly rejoined: boolean
}

const FIRST: Delivery = { attempt: 1 }
const REDELIVERED: Delivery = { unknown: 'redelivered' }
/** A replay belongs to now: a new trace that links the old one. */
export const REPLAYED: Delivery = { unknown: 'replayed', relation: 'link' }
const NOTHING_KNOWN: Delivery = {}

/** Starts with no message seen. */
export function createDeliveries(): Deliveries {
  const partitions = new Map<string, Seen>()
  return {
    handOver(topic, partition, first, last) {
      if (!Number.isSafeInteger(first) || !Number.isSafeInteger(last))
        return { of: () => NOTHING_KNOWN, end: () => undefined }
      const key = keyOf(topic, partition)
      const before = partitions.get(key)
      const of = (offset: number): Delivery => deliveryOf(before, offset)
      partitions.set(key, {
        highest: Math.max(before?.highest ?? -1, last),
        again: before?.again,
        rejoined: before?.rejoined === true && last <= before.highest,
      })
      return {
        of,
        end(comesAgain) {
          const seen = partitions.get(key)
          // Taken away while the handler ran: whoever has the partition now counts for itself.
          if (seen === undefined) return
          const again = comesAgain
            ? withRange(seen.again, first, last, nextAfter(of(first), of(last)))
            : withoutRange(seen.again, first, last)
          partitions.set(key, { ...seen, again })
        },
      }
    },
    rejoined(assignment) {
      const assigned = new Set<string>()
      for (const [topic, ids] of Object.entries(assignment ?? {})) {
        if (Array.isArray(ids)) for (const id of ids) assigned.add(keyOf(topic, id))
      }
      for (const [key, seen] of partitions) {
        if (assigned.has(key)) partitions.set(key, { ...seen, rejoined: true })
        else partitions.delete(key)
      }
    },
  }
}

function keyOf(topic: string, partition: unknown): string {
  return `${topic}:${String(partition)}`
}

function deliveryOf(seen: Seen | undefined, offset: number): Delivery {
  if (seen === undefined || offset > seen.highest) return FIRST
  const { again } = seen
  if (again !== undefined && offset >= again.from && offset <= again.to) return again.next
  return seen.rejoined ? REDELIVERED : REPLAYED
}

/** A batch may mix messages seen and not seen: then their next attempts differ, and none is given. */
function nextAfter(first: Delivery, last: Delivery): Delivery {
  if (first.attempt !== last.attempt || first.relation !== last.relation) return REDELIVERED
  return {
    unknown: 'redelivered',
    attempt: first.attempt === undefined ? undefined : first.attempt + 1,
    relation: first.relation,
  }
}

function withRange(again: Seen['again'], from: number, last: number, next: Delivery): Seen['again'] {
  const rest = again !== undefined && again.from <= last && again.to > last
  return rest ? { from, to: again.to, next: REDELIVERED } : { from, to: last, next }
}

function withoutRange(again: Seen['again'], first: number, last: number): Seen['again'] {
  if (again === undefined || first > again.to || last < again.from) return again
  return last < again.to ? { ...again, from: last + 1 } : undefined
}
