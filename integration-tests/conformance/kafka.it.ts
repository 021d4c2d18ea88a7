import { traceConsumer, traceProducer } from '@waybill/kafka'
import type { IHeaders } from 'kafkajs'
import { kafkaScratch } from '../kafka/scratch.ts'
import { conformance } from './suite.ts'

const messageOf = (value: string, headers = {}) => ({ value, headers: headers as IHeaders })

conformance({
  name: 'kafka',
  broker: 'kafka',
  systemName: 'kafka',
  operations: { send: 'send', process: 'process' },
  accepts: (value) => [value].flat().every((one) => typeof one === 'string' || Buffer.isBuffer(one)),
  applicationHeaders: true,
  redelivers: true,
  open: async (url, options) => {
    const scratch = await kafkaScratch(url)
    const [topic, probe] = [await scratch.topic('LogAppendTime'), await scratch.topic('LogAppendTime')]
    const bare = await scratch.producer()
    const producer = await scratch.producer((made) => traceProducer(made, options))
    const consumer = await scratch.consumer((made) => traceConsumer(made, options))
    let arrived: string | undefined
    return {
      destination: topic,
      source: topic,
      send: ({ body, headers }) => producer.send({ topic, messages: [messageOf(body, headers)] }),
      sendBare: ({ body, headers }) => bare.send({ topic, messages: [messageOf(body, headers)] }),
      consume: (handler) =>
        scratch.run(consumer, topic, async ({ message }) => {
          arrived = message.timestamp
          await handler(String(message.value))
        }),
      arrivedAt: async () => Number(arrived),
      brokerNow: async () =>
        Number((await bare.send({ topic: probe, messages: [messageOf('')] }))[0]?.logAppendTime),
      close: scratch.close,
    }
  },
})
