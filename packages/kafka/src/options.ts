import type { BatchParent, TelemetryOptions } from '@waybill/core/adapter'

/** Options of both sides. All are optional. */
export interface KafkaOptions extends TelemetryOptions {
  /** Which topics are traced: of others nothing is written, read or recorded. Default: all. */
  readonly topics?: (topic: string) => boolean
  /**
   * Whether `kafka.message.key` is recorded, or a function that gives what is to be recorded of a key (nothing if
   * `undefined`). Keys that are no valid UTF-8 never are. Default false, since keys often name a person.
   */
  readonly messageKeys?: boolean | ((key: string) => string | undefined)
  /** `kafka.cluster.id`; `admin.describeCluster()` knows it. Default: not given. */
  readonly clusterId?: string
  /**
   * Record what happens to the client besides messages: on a consumer commits, rebalances and crashes (kafkajs alone tells
   * them), on a producer commit and abort of transactions. Each is an event of the span within which it happens, else a
   * short root span of its own. Default false.
   */
  readonly events?: boolean
}

/** Options of `traceProducer`. */
export interface ProducerOptions extends KafkaOptions {
  /**
   * A PRODUCER span `create {topic}` for every message, each the parent of its own processing, and one CLIENT span for the
   * call that links them. Default false: the messages of a call share its one span.
   */
  readonly messageSpans?: boolean
  /** Into which topics headers are written. The span of the send is made in any case. Default: all. */
  readonly headers?: (topic: string) => boolean
}

/** Options of `traceHandler` that a consumer has as well. */
export interface ReaderOptions extends KafkaOptions {
  /**
   * True where what is read has been handled before, such as by a new group that begins at the start, or after offsets were
   * reset: no wait is recorded, and a new trace links the old one. Or a function that knows it of a record. Default false.
   */
  readonly replay?: boolean | ((record: RecordPlace) => boolean)
  /**
   * Whose child the span of an `eachBatch` batch is, besides linking all its messages: of `none` (default: a trace of its
   * own), of the one send that all of them come from (`common`), or of that of the `first` message.
   */
  readonly batchParent?: BatchParent
}

/** Where a record is. */
export interface RecordPlace {
  readonly topic: string
  readonly partition: number
  readonly offset: string
}

/** Options of `traceConsumer`. */
export interface ConsumerOptions extends ReaderOptions {
  /** The consumer group, for clients that do not tell it. kafkajs and Confluent's do, and what they tell is used. */
  readonly group?: string
  /** The gauge `waybill.consumer.lag`, one value a partition. Default true. */
  readonly lag?: boolean
}

/** Options of `traceHandler`. */
export interface HandlerMeta extends ReaderOptions {
  /** The consumer group. Default: not given. */
  readonly group?: string
  /** The consumer's client id. Default: not given. */
  readonly clientId?: string
}

type Check = (value: unknown) => string | undefined

const isText: Check = (value) =>
  typeof value === 'string' && value !== '' ? undefined : 'a non-empty string'
const isFunction: Check = (value) => (typeof value === 'function' ? undefined : 'a function')
const isBoolean: Check = (value) => (typeof value === 'boolean' ? undefined : 'a boolean')
const isBooleanOrFunction: Check = (value) =>
  typeof value === 'boolean' || typeof value === 'function' ? undefined : 'a boolean or a function'

const BOTH = { topics: isFunction, messageKeys: isBooleanOrFunction, clusterId: isText, events: isBoolean }
const isBatchParent: Check = (value) =>
  ['none', 'common', 'first'].includes(value as string) ? undefined : "'none', 'common' or 'first'"
const READER = { ...BOTH, replay: isBooleanOrFunction, group: isText, batchParent: isBatchParent }
type Checks = Readonly<Record<string, Check>>

/** Checks of the options that are Kafka's own; those of every adapter are core's. */
export const PRODUCER_CHECKS: Checks = { ...BOTH, messageSpans: isBoolean, headers: isFunction }
export const CONSUMER_CHECKS: Checks = { ...READER, lag: isBoolean }
export const HANDLER_CHECKS: Checks = { ...READER, clientId: isText }
