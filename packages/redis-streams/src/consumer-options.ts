import type { TelemetryOptions } from '@waybill/core/adapter'
import type { CarrierOption } from './carrier.ts'

/** An entry as `createConsumer` hands it to the handler. */
export interface ConsumedEntry<V = string> {
  /** The stream as it was named in the options. */
  readonly stream: string
  readonly id: string
  /** The application's own fields; of a name that was given twice the last. */
  readonly fields: Readonly<Record<string, V>>
  /** The same as names and values in turn, in the order in which they were added. */
  readonly list: readonly V[]
  /** Number of this delivery, from 1, as the server counts. */
  readonly attempt: number
  /** Ms for which it had lain with the consumer from which it was claimed; `undefined` for a new entry. */
  readonly idleMs: number | undefined
  /** Aborted when `stop()` waits no longer. */
  readonly signal: AbortSignal
}

/** Why an entry went to the dead letters. */
export interface DeadLetter {
  /** `handler_failed`: it threw once too often; `not_acknowledged`: its consumers died with it. */
  readonly reason: 'handler_failed' | 'not_acknowledged'
  /** How often it was delivered, all told. */
  readonly deliveries: number
  /** What the handler threw at last. */
  readonly error?: unknown
}

/** Options of `createConsumer`. */
export interface ConsumerOptions<V = string> extends TelemetryOptions {
  /** A client of ioredis (`Redis`, `Cluster`) or node-redis (client, cluster, pool); connections to block on are its duplicates. */
  readonly client: object
  /** The streams' keys, without the client's `keyPrefix`. */
  readonly streams: readonly string[]
  readonly group: string
  /** Name in the group; give one that stays, since Redis keeps each for ever. Default: host name and process id. */
  readonly consumer?: string
  /** Called for each entry, in its trace. Its success acknowledges the entry; if it throws, the entry stays pending. */
  readonly handler: (entry: ConsumedEntry<V>) => unknown
  /** Handlers at a time. Default 10. */
  readonly concurrency?: number
  /** Entries of one read, at most. Default: `concurrency`. */
  readonly count?: number
  /** How long a read waits for entries, ms. `stop()` waits for its end. Default 2000. */
  readonly blockMs?: number
  /** Where a group begins that is created: an id, `0` for all that is there (default), or `$` for what comes. */
  readonly from?: string
  /** Values as bytes; names and ids are text in any case. Default false. */
  readonly bytes?: boolean
  /** Entries that other consumers, or failed handlers, have left pending. `false`: they are left alone. */
  readonly claim?:
    | false
    | {
        /** How long an entry lies before it is taken, ms; so long, too, a retry is put off. Default 60,000. */
        readonly minIdleMs?: number
        /** How often it is looked for them, ms, and for deleted ones. Default: a quarter of `minIdleMs`. */
        readonly everyMs?: number
        /** Renew the hold on entries whose handler runs long, so that nobody takes them. Default true. */
        readonly heartbeat?: boolean
      }
  /** Runs of the handler for one entry, then it goes to `deadLetter`. Default 5 where that is given, else without end. */
  readonly maxDeliveries?: number
  /** A stream, without `keyPrefix`, to which dead letters are copied, or a function that takes them. */
  readonly deadLetter?: string | ((entry: ConsumedEntry<V>, letter: DeadLetter) => unknown)
  /** `batch` (default): what has succeeded meanwhile is acknowledged together; `each`: before the next entry is begun. */
  readonly ackMode?: 'batch' | 'each'
  /** Let the handler see the context fields. Default false. */
  readonly keepContextFields?: boolean
  /** Where the context is read. Default: in fields of its own. */
  readonly carrier?: CarrierOption
  /** Low-cardinality form of a stream's key: then span names and metrics have it instead. */
  readonly template?: string | ((stream: string) => string | undefined)
  /** A CLIENT span for each read that gave entries, linking them. Default false. */
  readonly receiveSpans?: boolean
  /** The gauge `waybill.consumer.lag`, asked for when metrics are collected. Default false. */
  readonly lag?: boolean
}
