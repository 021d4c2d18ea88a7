/**
 * The slice of a client that the producer side needs. `Redis` and `Cluster` of ioredis 5 and 6 have the first, clients,
 * clusters and pools of node-redis 5 and 6 the second.
 */
export type StreamProducer = { xadd(...args: never[]): unknown } | { xAdd(...args: never[]): unknown }

/** What commands are gathered in before they are sent together: `pipeline()` or `multi()` of either client. */
export type StreamPipeline = { exec(...args: never[]): unknown } & StreamProducer

/**
 * An entry as ioredis delivers it: id, then names and values in turn; `null` for an entry that was deleted meanwhile.
 * `XREADGROUP … CLAIM` (Redis 8.4) adds the idle time in ms and how often the entry was delivered before, which
 * `traceHandler` reads as well.
 */
export type StreamEntry<V = string> = readonly [id: string, fields: readonly V[] | null]

/** An entry as node-redis delivers it, whatever its type mapping makes of the fields. */
export interface StreamMessage<
  M = { readonly [name: string]: unknown } | ReadonlyMap<unknown, unknown> | readonly unknown[],
> {
  readonly id: unknown
  readonly message: M
  readonly millisElapsedFromDelivery?: unknown
  readonly deliveriesCounter?: unknown
}

/** What the reading loop knows about one delivery that the entry itself does not say. */
export interface Delivery {
  /** Delivery count of the entry, this delivery included: from `XPENDING` or `XREADGROUP … CLAIM`. */
  readonly attempt?: number
  /** The entry was claimed or read again from the pending list, and its count is not known. */
  readonly redelivered?: boolean
  /** The entry was read again from an old id, outside any group: its age is told, and its trace only linked. */
  readonly replayed?: boolean
  /** Ms for which a claimed entry had lain with its last consumer. */
  readonly idleMs?: number
  /** `Date.now()` at which the read returned: the part of the wait that follows is then told apart. */
  readonly readAt?: number
}
