import { traceConsumer, traceProducer } from '@waybill/rabbitmq'
import { rabbitmqScratch, textOf } from '../rabbitmq/scratch.ts'
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
    const [queue, bare] = [await scratch.queue(), await scratch.channel()]
    const channel = traceConsumer(traceProducer(scratch.caught(await scratch.channel()), options), options)
    let arrived: number | undefined
    return {
      destination: queue,
      source: queue,
      send: ({ body, headers }) => scratch.put(channel, queue, body, headers),
      sendBare: ({ body, headers }) => scratch.put(bare, queue, body, headers),
      consume: async (handler) => {
        await scratch.consume(channel, queue, async (message) => {
          arrived = message.properties.headers?.['timestamp_in_ms']
          const outcome = await Promise.allSettled([Promise.try(handler, textOf(message))])
          if (outcome[0].status === 'fulfilled') return channel.ack(message)
          channel.nack(message)
          throw outcome[0].reason
        })
      },
      arrivedAt: async () => arrived,
      brokerNow: scratch.brokerNow,
      close: scratch.close,
    }
  },
})
