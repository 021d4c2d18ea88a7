/** Names that BullMQ itself sets on the spans it asks for (its `TelemetryAttributes`). */
export const QUEUE_NAME = 'bullmq.queue.name'
export const JOB_ID = 'bullmq.job.id'
export const JOB_NAME = 'bullmq.job.name'
export const JOB_ATTEMPTS_MADE = 'bullmq.job.attempts.made'
export const JOB_SCHEDULER_ID = 'bullmq.job.scheduler.id'
export const BULK_COUNT = 'bullmq.job.bulk.count'
export const WORKER_ID = 'bullmq.worker.id'
export const FAILED_REASON = 'bullmq.job.failed.reason'

/** Names of ours, beside those of BullMQ. */
export const JOB_ATTEMPTS_MAX = 'bullmq.job.attempts.max'
export const JOB_STALLED = 'bullmq.job.stalled.count'
export const JOB_DEDUPLICATION_ID = 'bullmq.job.deduplication.id'
export const WORKER_LIMITED = 'bullmq.worker.limiter'

/**
 * What BullMQ tells a span of itself, under BullMQ's own names, where the application asks for it. Not the lists of names
 * and ids, which have no bound, nor what a job returned.
 */
export function duplicatesOf(
  told: Readonly<Record<string, unknown>>,
): Record<string, string | number | boolean> {
  const kept: Record<string, string | number | boolean> = {}
  for (const [name, value] of Object.entries(told)) {
    const isScalar = typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean'
    if (isScalar && name !== 'bullmq.job.result') kept[name] = value
  }
  return kept
}
