export { traceConsumer, traceHandler } from './consumer.ts'
export { forwardMessage, type ForwardedMessage } from './forward.ts'
export type {
  ConsumerOptions,
  HandlerMeta,
  KafkaOptions,
  ProducerOptions,
  ReaderOptions,
  RecordPlace,
} from './options.ts'
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
