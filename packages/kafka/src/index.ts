export { traceConsumer, traceHandler, type ConsumerOptions, type HandlerMeta } from './consumer.ts'
export { traceProducer } from './producer.ts'
export { runMessage } from './batch-message.ts'
export type {
  BatchPayload,
  KafkaConsumer,
  KafkaMessage,
  KafkaProducer,
  KafkaSender,
  MessagePayload,
} from './types.ts'
