// The slices of an amqplib channel that each side needs: `Channel` and `ConfirmChannel` of the promise and of the callback
// API have them, and channels of a recovering connection.

/** A channel to publish on. */
export interface PublishingChannel {
  publish(exchange: string, routingKey: string, content: Buffer, options?: never): boolean
}

/** A channel to consume from. */
export interface ConsumingChannel {
  consume(queue: string, onMessage: never, options?: never): unknown
  get(queue: string, options?: never): unknown
  ack(message: never, allUpTo?: boolean): unknown
  ackAll(): unknown
  nack(message: never, allUpTo?: boolean, requeue?: boolean): unknown
  nackAll(requeue?: boolean): unknown
  reject(message: never, requeue?: boolean): unknown
  recover(): unknown
  on(event: 'close', listener: () => void): unknown
}

/** A message as amqplib delivers it: `ConsumeMessage` and `GetMessage` fit. */
export interface Delivered {
  readonly fields: {
    readonly deliveryTag: number
    readonly redelivered: boolean
    readonly exchange: string
    readonly routingKey: string
  }
  readonly properties: {
    readonly headers?: Readonly<Record<string, unknown>> | undefined
    readonly messageId?: unknown
    readonly correlationId?: unknown
    readonly timestamp?: unknown
  }
}
