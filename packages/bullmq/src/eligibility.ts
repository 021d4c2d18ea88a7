import { formatWaybill } from '@waybill/core'
import { parseWaybill, type Incoming, type Waybill } from '@waybill/core/adapter'
import type { PreviousAttempt } from './previous-attempts.ts'
import type { Job } from './types.ts'

/** What is known of one delivery: when the job became ready, which attempt it is, and where its trace comes from. */
export type Delivery = Pick<
  Incoming,
  'waybill' | 'times' | 'unknown' | 'due' | 'scheduledDelay' | 'attempt' | 'rootReason' | 'retried'
> & {
  /** Number of jobs of the call that made this one. */
  readonly fanOut?: number | undefined
}

const ONLY_STAMP: Delivery['times'] = ['sent']
/** Operations of which each job is ready at once, or after its own delay. */
const HAS_NO_CHILDREN: ReadonlySet<string> = new Set(['add', 'addBulk', 'flow-leaf'])

/**
 * The start of a job's wait, by what BullMQ keeps on the job. Only a first delivery may be counted from the moment of its
 * add: a retry, a stalled job and a step job look like a fresh one otherwise.
 *
 * @param waybill what the job's metadata says of its add
 * @param previous how the attempt before this one ended, where that is known for sure
 * @param trustTimestamp whether `job.timestamp` may stand in for a producer's missing stamp
 */
export function deliveryOf(
  job: Job,
  waybill: Partial<Waybill>,
  now: number,
  previous?: PreviousAttempt,
  trustTimestamp = false,
): Delivery {
  const attempt = job.attemptsStarted > 0 ? job.attemptsStarted : job.attemptsMade + 1
  const isIteration = Boolean(job.repeatJobKey)
  if (!isFirst(job)) {
    const origin = isIteration ? iterationOf(job, now) : { waybill, fanOut: waybill.fanOut }
    return { ...origin, ...retryOf(job, previous), attempt }
  }
  if (isIteration) return { times: [], ...iterationOf(job, now), attempt }

  const times: Delivery['times'] = trustTimestamp
    ? ['sent', { at: job.timestamp, clock: 'producer' }]
    : ONLY_STAMP
  const delivery: Delivery = { waybill, fanOut: waybill.fanOut, times, attempt }
  // A flow's parent waits for its children, and only its producer knew whether it has any.
  if (waybill.sent !== undefined && !HAS_NO_CHILDREN.has(waybill.op ?? ''))
    return { ...delivery, unknown: 'flow_parent' }
  if (job.opts?.deduplication?.keepLastIfActive === true) return { ...delivery, ...keptBack(job) }
  // The job's own `delay` is back at 0 once it was promoted.
  const scheduledDelay = job.opts?.delay ?? 0
  return scheduledDelay > 0 ? { ...delivery, due: job.timestamp + scheduledDelay, scheduledDelay } : delivery
}

/**
 * Such an add is kept back while another job of its id is active, and becomes a job when that one is done: BullMQ then
 * makes that moment the job's timestamp. With a timestamp of the application's own choice nobody can tell.
 */
function keptBack({ opts, timestamp }: Job): Pick<Delivery, 'due' | 'scheduledDelay' | 'unknown'> {
  if (opts?.timestamp !== undefined) return { unknown: 'rescheduled' }
  const { delay = 0 } = opts ?? {}
  return { due: timestamp + delay, ...(delay > 0 && { scheduledDelay: delay }) }
}

/** What may be said of a job that we do not see: any first delivery looks like a delay, a retry or a flow's parent. */
export function blindDelivery(): Delivery {
  return { times: ONLY_STAMP, unknown: 'interface_only' }
}

function isFirst(job: Job): boolean {
  return (
    job.attemptsMade === 0 &&
    job.attemptsStarted === 1 &&
    job.stalledCounter === 0 &&
    (job.stacktrace?.length ?? 0) === 0
  )
}

/**
 * A retry waits from the end of the attempt before, once its backoff is over; both must be known for sure. With a stalled
 * or step run among its attempts a job has more starts than ends, and nobody can tell which end was the last.
 */
function retryOf(
  job: Job,
  previous: PreviousAttempt | undefined,
): Pick<Delivery, 'times' | 'unknown' | 'due' | 'scheduledDelay' | 'retried'> {
  const isPlainRetry = job.attemptsStarted === job.attemptsMade + 1 && job.stalledCounter === 0
  if (previous?.backoff === undefined || !isPlainRetry) return { times: ['sent'], unknown: 'redelivered' }
  const { ended, backoff } = previous
  const retry = { times: [{ at: ended }], retried: true }
  return backoff === 0 ? retry : { ...retry, due: ended + backoff, scheduledDelay: backoff }
}

/**
 * An iteration of a job scheduler is due at the time in its id, `repeat:{scheduler}:{epoch ms}`. Its metadata is that of
 * the first upsert, perhaps weeks ago: the iteration is a journey of its own, which links it.
 */
function iterationOf(job: Job, now: number): Pick<Delivery, 'waybill' | 'rootReason'> & Partial<Delivery> {
  const [, millis] = /^repeat:.+:(\d{12,15})$/.exec(job.id ?? '') ?? []
  const rootReason = 'scheduled'
  if (millis === undefined) return { waybill: {}, rootReason }
  const due = Number(millis)
  return {
    waybill: parseWaybill(formatWaybill({ sent: due, origin: due }), now),
    times: [{ at: due, clock: 'producer' }],
    due,
    rootReason,
  }
}
