import { formatWaybill } from '@waybill/core'
import { parseWaybill, recordGetter, WAYBILL_FIELD, type Incoming } from '@waybill/core/adapter'
import type { Job } from './types.ts'

/** What is known of one delivery: when the job became ready, which attempt it is, and where its trace comes from. */
export type Delivery = Pick<
  Incoming,
  'carrier' | 'times' | 'unknown' | 'due' | 'scheduledDelay' | 'attempt' | 'rootReason'
>

type Fields = Readonly<Record<string, unknown>> | undefined

/**
 * The start of a job's wait, by what BullMQ keeps on the job. Only a first delivery may be counted from the moment of its
 * add: a retry, a stalled job and a step job look like a fresh one otherwise.
 *
 * @param fields what the job's metadata carries
 */
export function deliveryOf(job: Job, fields: Fields, now: number): Delivery {
  const attempt = job.attemptsStarted > 0 ? job.attemptsStarted : job.attemptsMade + 1
  const unknown = isFirst(job) ? undefined : 'redelivered'
  if (job.repeatJobKey) return { ...iterationOf(job, fields), attempt, unknown }

  const delivery: Delivery = { carrier: fields, times: ['sent'], attempt }
  if (unknown !== undefined) return { ...delivery, unknown }
  const { sent, op } = parseWaybill(recordGetter.get(fields, WAYBILL_FIELD) as string | undefined, now)
  // A flow's parent waits for its children, and only its producer knew whether it has any.
  if (sent !== undefined && !['add', 'addBulk', 'flow-leaf'].includes(op ?? ''))
    return { ...delivery, unknown: 'flow_parent' }
  // The job's own `delay` is back at 0 once it was promoted.
  const scheduledDelay = job.opts?.delay ?? 0
  return scheduledDelay > 0 ? { ...delivery, due: job.timestamp + scheduledDelay, scheduledDelay } : delivery
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
 * An iteration of a job scheduler is due at the time in its id, `repeat:{scheduler}:{epoch ms}`. Its metadata is that of
 * the first upsert, perhaps weeks ago: the iteration is a journey of its own, which links it.
 */
function iterationOf(job: Job, fields: Fields): Delivery {
  const [, millis] = /^repeat:.+:(\d{12,15})$/.exec(job.id ?? '') ?? []
  const rootReason = 'scheduled'
  if (millis === undefined) return { carrier: { ...fields, [WAYBILL_FIELD]: '' }, times: [], rootReason }
  const due = Number(millis)
  return {
    carrier: { ...fields, [WAYBILL_FIELD]: formatWaybill({ sent: due, origin: due }) },
    times: [{ at: due, clock: 'producer' }],
    due,
    rootReason,
  }
}
