export { bullmqTelemetry, type BullmqOptions } from './telemetry.ts'
export type { BullmqContextManager, BullmqSpan, BullmqTelemetry, BullmqTracer, WorkerClass } from './types.ts'
