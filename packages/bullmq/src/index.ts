export { bullmqTelemetry } from './telemetry.ts'
export type { BullmqOptions } from './options.ts'
export {
  observeQueue,
  type CountingQueue,
  type ObserveOptions,
  type QueueEventsLike,
  type QueueObserver,
} from './observe-queue.ts'
export { traceRelay, type RelayLike, type RelayOptions } from './relay.ts'
export { runJob } from './run-job.ts'
export { traceProcessor } from './processor.ts'
export type {
  BullmqContextManager,
  BullmqSpan,
  BullmqTelemetry,
  BullmqTracer,
  ClassOf,
  JobInfo,
} from './types.ts'
