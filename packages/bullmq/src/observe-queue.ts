import type { Attributes, Histogram, ObservableGauge, ObservableResult } from '@opentelemetry/api'
import {
  ATTR_DESTINATION_NAME,
  ATTR_SYSTEM_NAME,
  createTelemetry,
  safely,
  warnOnce,
  WaybillTypeError,
  type Signals,
  type TelemetryOptions,
} from '@waybill/core/adapter'
import { readyTimes, type QueueEvent } from './ready-times.ts'
import { VERSION } from './version.ts'

const SCOPE = {
  packageName: '@waybill/bullmq',
  functionName: 'observeQueue',
  version: VERSION,
  system: 'bullmq',
} as const

/** Seconds that a job was ready before it started, at every start. */
const METRIC_WAIT = 'waybill.queue.wait'
/** Jobs in each state. */
const METRIC_DEPTH = 'waybill.queue.depth'
const ATTR_READY_BY = 'waybill.queue.ready_by'
const ATTR_STATE = 'waybill.queue.state'

/** The buckets of `waybill.transit.duration`. */
const BUCKETS = [
  0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900, 3600, 21_600,
]
const EVENTS = ['waiting', 'delayed', 'active', 'completed', 'failed', 'removed'] as const
const STATES = [
  'waiting',
  'prioritized',
  'delayed',
  'active',
  'waiting-children',
  'failed',
  'paused',
] as const

/** The slice of BullMQ's `QueueEvents` that is listened to. */
export interface QueueEventsLike {
  readonly name: string
  on(event: never, listener: (about: never, id: string) => void): unknown
  off(event: never, listener: (about: never, id: string) => void): unknown
}

/** The slice of BullMQ's `Queue` that knows how many jobs there are. */
export interface CountingQueue {
  getJobCounts(...states: never[]): Promise<Readonly<Record<string, number>>>
}

/** Options of `observeQueue`, besides those of every adapter. */
export interface ObserveOptions extends Pick<TelemetryOptions, 'meterProvider'> {
  /** The queue whose jobs are counted, by state, whenever metrics are collected. Default: no `waybill.queue.depth`. */
  readonly queue?: CountingQueue
  /** Most jobs that are followed at a time; of those beyond it the oldest get no wait. Default 100,000. */
  readonly maxJobs?: number
}

/** What `observeQueue` is doing, until it is stopped. */
export interface QueueObserver {
  /** Number of jobs that are followed right now. */
  readonly jobs: number
  /** Listens no more. `queueEvents` is yours to close. */
  stop(): void
}

/**
 * Takes exact queue times from BullMQ's own record of events, for every start of every job: retries, flow parents, changed
 * delays and jobs of untraced producers too, with no change to workers. Histogram `waybill.queue.wait` in seconds, by the
 * Redis server's clock, and with `queue` the gauge `waybill.queue.depth`. One observer a queue is enough for a fleet: each
 * one counts all jobs. PostgreSQL's events carry no time, so only depth is measured there.
 *
 * @throws WaybillTypeError if `queueEvents` is no QueueEvents, or on a bad option
 * @example
 * observeQueue(new QueueEvents('billing', { connection }), { queue: new Queue('billing', { connection }) })
 */
export function observeQueue(queueEvents: QueueEventsLike, options: ObserveOptions = {}): QueueObserver {
  if (typeof queueEvents?.on !== 'function' || typeof queueEvents.name !== 'string')
    throw new WaybillTypeError(SCOPE, "BullMQ's QueueEvents", queueEvents, 'Pass new QueueEvents(queueName).')
  const telemetry = createTelemetry(SCOPE, options, CHECKS)
  const { log } = telemetry
  const base: Attributes = { [ATTR_SYSTEM_NAME]: SCOPE.system, [ATTR_DESTINATION_NAME]: queueEvents.name }
  const times = readyTimes(options.maxJobs ?? 100_000)
  const { queue } = options
  let live: Instruments | undefined
  const observeDepth = async (result: ObservableResult): Promise<void> => {
    try {
      const counts = await queue?.getJobCounts(...(STATES as unknown as readonly never[]))
      for (const state of STATES) {
        const count = counts?.[state]
        if (count !== undefined) result.observe(count, { ...base, [ATTR_STATE]: state })
      }
    } catch (error) {
      warnOnce(log, 'counting jobs', `The jobs of queue ${queueEvents.name} could not be counted`, error)
    }
  }
  /** The SDK may be started after us, or be replaced. */
  const instruments = (): Instruments | undefined => {
    const meter = telemetry.signals()?.meter
    if (meter === undefined || meter === live?.meter) return live
    live?.depth?.removeCallback(observeDepth)
    live = createInstruments(meter, queue !== undefined)
    live.depth?.addCallback(observeDepth)
    return live
  }
  const listen = (event: string) => (about: QueueEvent, id: string) => {
    safely(log, 'reading a queue event', undefined, () => {
      const at = timeIn(id)
      if (at === undefined) {
        warnOnce(
          log,
          'events without time',
          `The events of queue ${queueEvents.name} carry no time (PostgreSQL): waits are not measured.`,
        )
        return
      }
      const wait = times.next(event, about, at)
      if (wait === undefined || wait.ms < 0) return
      instruments()?.wait.record(wait.ms / 1000, { ...base, [ATTR_READY_BY]: wait.readyBy })
    })
  }
  const listeners = EVENTS.map((event) => [event, listen(event)] as const)
  for (const [event, listener] of listeners) queueEvents.on(event as never, listener as never)
  safely(log, 'preparing the metrics of a queue', undefined, instruments)

  return {
    get jobs() {
      return times.size
    },
    stop() {
      for (const [event, listener] of listeners) queueEvents.off(event as never, listener as never)
      live?.depth?.removeCallback(observeDepth)
      live = undefined
    },
  }
}

interface Instruments {
  readonly meter: Signals['meter']
  readonly wait: Histogram
  readonly depth: ObservableGauge | undefined
}

function createInstruments(meter: Signals['meter'], counts: boolean): Instruments {
  return {
    meter,
    wait: meter.createHistogram(METRIC_WAIT, {
      unit: 's',
      description: "Time a job was ready until it started, by the broker's own record.",
      advice: { explicitBucketBoundaries: BUCKETS },
    }),
    depth: counts
      ? meter.createObservableGauge(METRIC_DEPTH, { unit: '{message}', description: 'Jobs in each state.' })
      : undefined,
  }
}

/** The time in the id of a stream entry, `<epoch ms>-<number>`. */
function timeIn(id: string): number | undefined {
  const [, millis] = /^(\d{12,15})-\d+$/.exec(id) ?? []
  return millis === undefined ? undefined : Number(millis)
}

const CHECKS = {
  queue: (value: unknown): string | undefined =>
    typeof (value as CountingQueue | null)?.getJobCounts === 'function' ? undefined : "BullMQ's Queue",
  maxJobs: (value: unknown): string | undefined =>
    typeof value === 'number' && value >= 1 ? undefined : 'a number from 1 on',
}
