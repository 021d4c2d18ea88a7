import { randomUUID } from 'node:crypto'
import {
  connect,
  type ChannelModel,
  type ConfirmChannel,
  type ConsumeMessage,
  type Message,
  type Options,
} from 'amqplib'

/** Queues and channels of one test, on a connection of their own. */
export interface RabbitmqScratch {
  readonly connection: ChannelModel
  /** A new durable queue; classic unless the options say otherwise. */
  readonly queue: (options?: Options.AssertQueue) => Promise<string>
  /** A new confirm channel that is not traced. */
  readonly channel: () => Promise<ConfirmChannel>
  /**
   * The same channel with a net beneath its consumers: a handler that rejects ends there and not the process, as
   * amqplib would have it.
   */
  readonly caught: (channel: ConfirmChannel) => ConfirmChannel
  /** Sends a body to a queue; settles with the broker's confirm. Options are frozen: nobody may write to them. */
  readonly put: (channel: ConfirmChannel, queue: string, body: string, headers?: object) => Promise<void>
  /** Consumes with a handler that may be asynchronous, for which amqplib's types make no allowance. */
  readonly consume: (
    channel: ConfirmChannel,
    queue: string,
    handler: (message: ConsumeMessage) => unknown,
    options?: Options.Consume,
  ) => Promise<unknown>
  /** The broker's own clock, epoch ms: the stamp that its interceptor puts on a message sent now. */
  readonly brokerNow: () => Promise<number>
  /** Deletes the queues and closes the connection. */
  readonly close: () => Promise<void>
}

/** @param url of the broker */
export async function rabbitmqScratch(url: string): Promise<RabbitmqScratch> {
  const connection = await connect(url)
  // Some tests stop the broker; an unheard 'error' would end the process.
  connection.on('error', () => undefined)
  const admin = await connection.createChannel()
  const probe = await admin.assertQueue('', { exclusive: true })
  const waiting: ((message: Message) => void)[] = []
  await admin.consume(probe.queue, (message) => waiting.shift()?.(message as Message), { noAck: true })
  const queues: string[] = []
  return {
    connection,
    async queue(options = {}) {
      const { queue } = await admin.assertQueue(`waybill-${randomUUID()}`, { durable: true, ...options })
      queues.push(queue)
      return queue
    },
    async channel() {
      const channel = await connection.createConfirmChannel()
      // Tests close channels by mistake on purpose; an unheard 'error' would end the process.
      return channel.on('error', () => undefined)
    },
    caught(channel) {
      const consume = channel.consume.bind(channel)
      channel.consume = (queue, onMessage, options) => {
        const caught = (message: ConsumeMessage | null): void => {
          Promise.try(onMessage as (message: ConsumeMessage | null) => unknown, message).catch(
            () => undefined,
          )
        }
        return consume(queue, caught, options)
      }
      return channel
    },
    put: (channel, queue, body, headers = {}) =>
      new Promise((resolve, reject) => {
        const options = Object.freeze({ headers: Object.freeze({ ...headers }) })
        channel.sendToQueue(queue, Buffer.from(body), options, (error) =>
          error === null ? resolve() : reject(error),
        )
      }),
    consume: (channel, queue, handler, options) =>
      channel.consume(queue, (message) => handler(message as ConsumeMessage), options),
    async brokerNow() {
      const { promise, resolve } = Promise.withResolvers<Message>()
      waiting.push(resolve)
      admin.sendToQueue(probe.queue, Buffer.from('now?'))
      return Number((await promise).properties.headers?.['timestamp_in_ms'])
    },
    async close() {
      // First the consumers: one whose queue goes away is handed null, which most handlers here do not expect.
      await connection.close()
      const cleaner = await connect(url)
      const channel = await cleaner.createChannel()
      for (const queue of queues) await channel.deleteQueue(queue)
      await cleaner.close()
    },
  }
}

/**
 * Whether this broker stamps messages on their arrival: what we start does from RabbitMQ 3.12 on, where the interceptor came
 * in. One that was given by URL is asked, since its settings are not ours.
 */
export async function stampsArrival(
  broker: { readonly version: string; readonly how: string },
  scratch: RabbitmqScratch,
): Promise<boolean> {
  if (broker.how === 'url') return Number.isFinite(await scratch.brokerNow())
  const [major = 0, minor = 0] = broker.version.split('.').map(Number)
  return major > 3 || (major === 3 && minor >= 12)
}

/** The body of a message as text. */
export function textOf(message: Message | null): string {
  return String(message?.content)
}
