import { traceConsumer, traceProducer } from '@waybill/kafka'
import type { IHeaders } from 'kafkajs'
import type { Subject } from '../conformance/subject.ts'
import type { ClientLibrary } from './clients.ts'
import { kafkaScratch } from './scratch.ts'

const messageOf = (value: string, headers = {}) => ({ value, headers: headers as IHeaders })

/** Kafka through one of the clients with kafkajs' API; foreign producers are kafkajs in any case. */
export function kafkaSubject(library: ClientLibrary, name: string): Subject {
  return {
    name,
    broker: 'kafka',
    systemName: 'kafka',
    operations: { send: 'send', process: 'process' },
    accepts: (value) => [value].flat().every((one) => typeof one === 'string' || Buffer.isBuffer(one)),
    applicationHeaders: true,
    redelivers: true,
    open: async (url, options) => {
      const scratch = await kafkaScratch(url, library)
      const [topic, probe] = [await scratch.topic('LogAppendTime'), await scratch.topic('LogAppendTime')]
      const bare = await scratch.connected(scratch.kafka.producer())
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
  }
}
