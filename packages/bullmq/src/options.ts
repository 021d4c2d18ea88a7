import type { Attributes } from '@opentelemetry/api'
import type { TelemetryOptions } from '@waybill/core/adapter'
import type { ClassOf, JobInfo } from './types.ts'

/** Options of `bullmqTelemetry`, besides those of every adapter. */
export interface BullmqOptions extends TelemetryOptions {
  /**
   * BullMQ's `Worker` class, whose jobs then become visible. Only needed where BullMQ is bundled into one file: elsewhere
   * the class is found.
   */
  readonly Worker?: ClassOf<'processJob'>
  /** BullMQ's `Queue` class, likewise: server address, deduplication id and fan-out on the spans of adds. */
  readonly Queue?: ClassOf<'addBulk'>
  /** BullMQ's `FlowProducer` class, likewise: one trace for a flow whose nodes have no `opts`, and which node is a leaf. */
  readonly FlowProducer?: ClassOf<'add'>
  /** BullMQ's `JobScheduler` class, likewise: no spans for the adds that BullMQ makes by itself. */
  readonly JobScheduler?: ClassOf<'upsertJobScheduler'>
  /**
   * Number of jobs of one `addBulk` or flow above which each job starts a trace of its own that links the call, without a
   * transit span: a trace of ten thousand spans is of no use to anybody. Default 128; `Infinity` for never. An explicit
   * `relation` has precedence.
   */
  readonly maxFanOut?: number
  /** A `create` span of its own for each job of an `addBulk`, up to `maxFanOut` of them. Default false: one span a call. */
  readonly bulkSpans?: boolean
  /**
   * Counts a first delivery from `job.timestamp` where its producer writes no `waybill` field, for all queues or those for
   * which the function says so. Only right where no such job is a flow's parent or has a timestamp of its own choice.
   * Default false: the wait is unknown (`no_timestamp`).
   */
  readonly trustTimestamp?: boolean | ((queue: string) => boolean)
  /**
   * Asks Redis for the end of the previous attempt where another process made it: one `HGET` for every retry, before the
   * handler runs. Default false: only attempts of this process are known, others are `redelivered`.
   */
  readonly askPreviousAttempt?: boolean
  /**
   * Attributes of a job for its process span, asked for once, when the job is done: its data and return value are recorded
   * only if they are taken from here. Default none.
   */
  readonly jobAttributes?: (job: JobInfo) => Attributes
  /** What BullMQ says of itself under its own names (`bullmq.queue.operation`, ...) as well. Default false. */
  readonly bullmqAttributes?: boolean
  /** Spans for stalled checks, lock renewal, settling, pausing and the like, each a root of its own. Default false. */
  readonly housekeeping?: boolean
  /**
   * Keeps the spans of Redis instrumentations away from what BullMQ does for itself: adding, fetching, settling, renewing
   * locks. Those of a handler's own commands stay. Default false.
   */
  readonly suppressRedis?: boolean
}

/** The same with its defaults, as far as they are not core's. */
export interface ResolvedBullmqOptions extends Required<
  Pick<BullmqOptions, 'maxFanOut' | 'bulkSpans' | 'askPreviousAttempt' | 'bullmqAttributes' | 'housekeeping'>
> {
  readonly suppressRedis: boolean
  readonly jobAttributes: BullmqOptions['jobAttributes']
  readonly hasRelation: boolean
  trustsTimestamp(queue: string): boolean
}

type Check = (value: unknown) => string | undefined

const isClassWith =
  (method: string, name: string): Check =>
  (value) =>
    typeof (value as { prototype?: Record<string, unknown> } | null)?.prototype?.[method] === 'function'
      ? undefined
      : `BullMQ's ${name} class`
const isBoolean: Check = (value) => (typeof value === 'boolean' ? undefined : 'a boolean')

/** What the options that only this package has must be. */
export const CHECKS: Readonly<Record<string, Check>> = {
  Worker: isClassWith('processJob', 'Worker'),
  Queue: isClassWith('addBulk', 'Queue'),
  FlowProducer: isClassWith('add', 'FlowProducer'),
  JobScheduler: isClassWith('upsertJobScheduler', 'JobScheduler'),
  maxFanOut: (value) => (typeof value === 'number' && value >= 1 ? undefined : 'a number from 1 on'),
  bulkSpans: isBoolean,
  trustTimestamp: (value) =>
    typeof value === 'boolean' || typeof value === 'function' ? undefined : 'a boolean or a function',
  askPreviousAttempt: isBoolean,
  jobAttributes: (value) => (typeof value === 'function' ? undefined : 'a function'),
  bullmqAttributes: isBoolean,
  housekeeping: isBoolean,
  suppressRedis: isBoolean,
}

/** Fills in the defaults of options that have been checked. */
export function withDefaults(options: BullmqOptions = {}): ResolvedBullmqOptions {
  const { trustTimestamp = false } = options
  return {
    maxFanOut: options.maxFanOut ?? 128,
    bulkSpans: options.bulkSpans ?? false,
    askPreviousAttempt: options.askPreviousAttempt ?? false,
    jobAttributes: options.jobAttributes,
    bullmqAttributes: options.bullmqAttributes ?? false,
    housekeeping: options.housekeeping ?? false,
    suppressRedis: options.suppressRedis ?? false,
    hasRelation: options.relation !== undefined,
    trustsTimestamp: (queue) =>
      typeof trustTimestamp === 'function' ? trustTimestamp(queue) : trustTimestamp,
  }
}
