export { traceHandler, type StreamOptions } from './consumer.ts'
export { traceProducer } from './producer.ts'
export type { Delivery, StreamEntry, StreamProducer } from './types.ts'
