/** Names that BullMQ itself sets on the spans it asks for (its `TelemetryAttributes`). */
export const QUEUE_NAME = 'bullmq.queue.name'
export const JOB_ID = 'bullmq.job.id'
export const JOB_NAME = 'bullmq.job.name'
export const JOB_ATTEMPTS_MADE = 'bullmq.job.attempts.made'
export const BULK_COUNT = 'bullmq.job.bulk.count'
export const WORKER_ID = 'bullmq.worker.id'
export const FAILED_REASON = 'bullmq.job.failed.reason'
