import { traceConsumer, traceProducer } from '@waybill/rabbitmq'
import type { ConfirmChannel } from 'amqplib'
import { rabbitmqScratch, textOf } from '../rabbitmq-scratch.ts'
import { conformance } from './suite.ts'

conformance({
  name: 'rabbitmq',
  broker: 'rabbitmq',
  systemName: 'rabbitmq',
  operations: { send: 'publish', process: 'consume' },
  accepts: () => true,
  applicationHeaders: true,
  redelivers: true,
  open: async (url, options) => {
    const scratch = await rabbitmqScratch(url)
    const queue = await scratch.queue()
    const bare = await scratch.channel()
    const channel = traceConsumer(traceProducer(scratch.caught(await scratch.channel()), options), options)
    let arrived: number | undefined
    const put = (to: ConfirmChannel, body: string, headers: object = {}) =>
      new Promise((resolve) => to.sendToQueue(queue, Buffer.from(body), Object.freeze({ headers }), resolve))
    return {
      destination: queue,
      source: queue,
      send: ({ body, headers }) => put(channel, body, headers),
      sendBare: ({ body, headers }) => put(bare, body, headers),
      consume: async (handler) => {
        await channel.consume(queue, async (message) => {
          arrived = message?.properties.headers?.['timestamp_in_ms']
          const failed = await Promise.try(handler, textOf(message)).then(
            () => undefined,
            (error) => ({ error }),
          )
          if (failed === undefined) return channel.ack(message!)
          channel.nack(message!)
          throw failed.error
        })
      },
      arrivedAt: async () => arrived,
      brokerNow: scratch.brokerNow,
      close: scratch.close,
    }
  },
})
