export { traceConnection } from './connection.ts'
export { traceConsumer } from './consumer.ts'
export { traceHandler, type HandlerOptions, type MessageHandler } from './handler.ts'
export { rpcClient, type Reply, type RpcClient, type RpcOptions } from './rpc-client.ts'
export { traceProducer } from './producer.ts'
export type {
  ChannelSource,
  ConsumingChannel,
  Delivered,
  ManagedChannel,
  Publisher,
  PublishingChannel,
} from './types.ts'
