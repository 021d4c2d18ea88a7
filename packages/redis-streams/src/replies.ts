import { textOf } from './text.ts'

/** An entry in a reply. `fields` is null where it was deleted while it was pending. */
export interface RawEntry {
  readonly id: string
  readonly fields: readonly unknown[] | null
  /** Ms since its last delivery, and how many there were: of `XREADGROUP … CLAIM`; both 0 for a new entry. */
  readonly idleMs: number
  readonly deliveriesBefore: number
}

/**
 * Streams and their entries in the reply to XREADGROUP: pairs under RESP2, under RESP3 a map that clients make an object, a
 * Map or a flat list of.
 */
export function readStreams(reply: unknown): (readonly [stream: string, entries: RawEntry[]])[] {
  return pairsOf(reply).map(([name, entries]) => [textOf(name), readEntries(entries)] as const)
}

function pairsOf(reply: unknown): (readonly [unknown, unknown])[] {
  if (reply instanceof Map) return [...reply]
  if (Array.isArray(reply)) {
    if (Array.isArray(reply[0])) return reply as [unknown, unknown][]
    const pairs: [unknown, unknown][] = []
    for (let i = 0; i + 1 < reply.length; i += 2) pairs.push([reply[i], reply[i + 1]])
    return pairs
  }
  return typeof reply === 'object' && reply !== null ? Object.entries(reply) : []
}

/** Entries in a reply; Redis 6 puts a null in the place of a deleted one. */
export function readEntries(entries: unknown): RawEntry[] {
  if (!Array.isArray(entries)) return []
  return entries.filter(Array.isArray).map(([id, fields, idle, before]: readonly unknown[]) => ({
    id: textOf(id),
    fields: Array.isArray(fields) ? (fields as unknown[]) : null,
    idleMs: Number(idle ?? 0),
    deliveriesBefore: Number(before ?? 0),
  }))
}

/** The reply to XAUTOCLAIM: what was claimed, and the ids of what was pending and is deleted. */
export function readClaimed(reply: unknown): { readonly entries: RawEntry[]; readonly deleted: string[] } {
  const [, entries, deleted] = (Array.isArray(reply) ? reply : []) as unknown[]
  return { entries: readEntries(entries), deleted: Array.isArray(deleted) ? deleted.map(textOf) : [] }
}

/** A row of XPENDING. */
export interface Pending {
  readonly id: string
  readonly idleMs: number
  readonly deliveries: number
}

export function readPending(reply: unknown): Pending[] {
  if (!Array.isArray(reply)) return []
  return reply.map(([id, , idle, deliveries]: readonly unknown[]) => ({
    id: textOf(id),
    idleMs: Number(idle),
    deliveries: Number(deliveries),
  }))
}

/** One property of the row with this name, in the reply to XINFO GROUPS or the like. */
export function readProperty(row: unknown, property: string): unknown {
  return pairsOf(row).find(([name]) => textOf(name) === property)?.[1]
}
