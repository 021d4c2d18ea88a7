/** The slice of an ioredis client that the producer side needs: `Redis` and `Cluster` of ioredis 5 and 6 have it. */
export interface StreamProducer {
  xadd(...args: never[]): unknown
}

/** An entry as ioredis delivers it: id, then names and values in turn; `null` for an entry that was deleted meanwhile. */
export type StreamEntry<V = string> = readonly [id: string, fields: readonly V[] | null]

/** What the reading loop knows about one delivery that the entry itself does not say. */
export interface Delivery {
  /** Delivery count of the entry, this delivery included: from `XPENDING` or `XREADGROUP … CLAIM`. */
  readonly attempt?: number
  /** The entry was claimed or read again from the pending list, and its count is not known. */
  readonly redelivered?: boolean
}
