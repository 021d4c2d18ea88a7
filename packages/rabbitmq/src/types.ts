// The slices of a client that each side needs.

/**
 * A channel to publish on: `Channel` and `ConfirmChannel` of amqplib, of the promise and of the callback API and of a
 * recovering connection, and amqp-connection-manager's `ChannelWrapper`.
 */
export interface PublishingChannel {
  publish(exchange: string, routingKey: string, content: Buffer, options?: never): unknown
  sendToQueue(queue: string, content: Buffer, options?: never): unknown
}

/** What rabbitmq-client publishes with: `createPublisher()` and `createRPCClient()`. */
export interface Publisher {
  send(envelope: never, body: unknown): Promise<unknown>
  close(): Promise<void>
}

/** A channel of amqplib to consume from. */
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

/** amqp-connection-manager's `ChannelWrapper`. */
export interface ManagedChannel {
  addSetup(setup: never): Promise<void>
  waitForConnect(): Promise<void>
  consume(queue: string, onMessage: never, options?: never): Promise<unknown>
}

/** What makes channels: a connection of amqplib, of either API, recovering or not, or amqp-connection-manager's. */
export interface ChannelSource {
  createChannel(...args: never[]): unknown
}

/** Where a message stands among those of its channel. */
export interface DeliveryFields {
  readonly deliveryTag: number
  readonly redelivered?: boolean | undefined
  readonly exchange?: string | undefined
  readonly routingKey?: string | undefined
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
