export { bullmqTelemetry } from './telemetry.ts'
export type { BullmqOptions } from './options.ts'
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
