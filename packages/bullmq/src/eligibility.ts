import { formatWaybill } from '@waybill/core'
import { parseWaybill, recordGetter, WAYBILL_FIELD, type Incoming } from '@waybill/core/adapter'
import type { PreviousAttempt } from './previous-attempts.ts'
import type { Job } from './types.ts'

/** What is known of one delivery: when the job became ready, which attempt it is, and where its trace comes from. */
export type Delivery = Pick<
  Incoming,
  'carrier' | 'times' | 'unknown' | 'due' | 'scheduledDelay' | 'attempt' | 'rootReason' | 'retried'
> & {
  /** Number of jobs of the call that made this one. */
  readonly fanOut?: number | undefined
}

type Fields = Readonly<Record<string, unknown>> | undefined

/**
 * The start of a job's wait, by what BullMQ keeps on the job. Only a first delivery may be counted from the moment of its
 * add: a retry, a stalled job and a step job look like a fresh one otherwise.
 *
 * @param fields what the job's metadata carries
 * @param previous how the attempt before this one ended, where that is known for sure
 * @param trustTimestamp whether `job.timestamp` may stand in for a producer's missing stamp
 */
export function deliveryOf(
  job: Job,
  fields: Fields,
  now: number,
  previous?: PreviousAttempt,
  trustTimestamp = false,
): Delivery {
  const { sent, op, fanOut } = parseWaybill(
    recordGetter.get(fields, WAYBILL_FIELD) as string | undefined,
    now,
  )
  const attempt = job.attemptsStarted > 0 ? job.attemptsStarted : job.attemptsMade + 1
  const isIteration = Boolean(job.repeatJobKey)
  const origin = isIteration ? iterationOf(job, fields) : { carrier: fields, fanOut }
  if (!isFirst(job)) return { ...origin, ...retryOf(job, previous), attempt }
  if (isIteration) return { times: [], ...origin, attempt }

  const stamps: Delivery['times'] = trustTimestamp
    ? ['sent', { at: job.timestamp, clock: 'producer' }]
    : ['sent']
  const delivery: Delivery = { ...origin, times: stamps, attempt }
  // A flow's parent waits for its children, and only its producer knew whether it has any.
  if (sent !== undefined && !['add', 'addBulk', 'flow-leaf'].includes(op ?? ''))
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
export function blindDelivery(fields: Fields): Delivery {
  return { carrier: fields, times: ['sent'], unknown: 'interface_only' }
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
function iterationOf(job: Job, fields: Fields): Pick<Delivery, 'carrier' | 'rootReason'> & Partial<Delivery> {
  const [, millis] = /^repeat:.+:(\d{12,15})$/.exec(job.id ?? '') ?? []
  const rootReason = 'scheduled'
  if (millis === undefined) return { carrier: { ...fields, [WAYBILL_FIELD]: '' }, rootReason }
  const due = Number(millis)
  return {
    carrier: { ...fields, [WAYBILL_FIELD]: formatWaybill({ sent: due, origin: due }) },
    times: [{ at: due, clock: 'producer' }],
    due,
    rootReason,
  }
}
