export { traceConsumer } from './consumer.ts'
export { traceHandler, type HandlerOptions, type MessageHandler } from './handler.ts'
export { traceProducer } from './producer.ts'
export type { ConsumingChannel, Delivered, PublishingChannel } from './types.ts'
