// The entry for @platformatic/kafka, whose clients share no method with those of kafkajs.
export { traceHandler, type HandlerMeta } from './platformatic/handler.ts'
export { traceProducer, type ProducerOptions } from './platformatic/producer.ts'
export type { PlatformaticMessage, PlatformaticProducer } from './platformatic/types.ts'
