import { randomUUID } from 'node:crypto'
import { traceConsumer, traceProducer } from '@waybill/kafka'
import { Kafka, logLevel } from 'kafkajs'
import { conformance } from './suite.ts'

const isText = (value: unknown): boolean => typeof value === 'string' || Buffer.isBuffer(value)

conformance({
  name: 'kafka',
  broker: 'kafka',
  systemName: 'kafka',
  operations: { send: 'send', process: 'process' },
  accepts: (value) => isText(value) || (Array.isArray(value) && value.every(isText)),
  applicationHeaders: true,
  redelivers: true,
  open: async (url, options) => {
    const kafka = new Kafka({ brokers: [url], logLevel: logLevel.NOTHING, retry: { initialRetryTime: 20, retries: 10 } })
    const [admin, bare, traced] = [kafka.admin(), kafka.producer(), traceProducer(kafka.producer(), options)]
    const [topic, probe, groupId] = [`topic-${randomUUID()}`, `probe-${randomUUID()}`, `group-${randomUUID()}`]
    const consumer = traceConsumer(kafka.consumer({ groupId, maxWaitTimeInMs: 100 }), options)
    await Promise.all([admin, bare, traced, consumer].map((client) => client.connect()))
    // The broker stamps every record with its own clock.
    const configEntries = [{ name: 'message.timestamp.type', value: 'LogAppendTime' }]
    await admin.createTopics({ topics: [topic, probe].map((name) => ({ topic: name, configEntries })), waitForLeaders: true })
    let arrived: number | undefined
    return {
      destination: topic,
      source: topic,
      send: ({ body, headers }) => traced.send({ topic, messages: [{ value: body, ...(headers && { headers: headers as never }) }] }),
      sendBare: ({ body, headers }) => bare.send({ topic, messages: [{ value: body, headers: (headers ?? {}) as never }] }),
      consume: async (handler) => {
        await consumer.subscribe({ topic, fromBeginning: true })
        const joined = new Promise((resolve) => { consumer.on('consumer.group_join', resolve) })
        await consumer.run({
          eachMessage: async ({ message }) => {
            arrived = Number(message.timestamp)
            await handler(message.value?.toString() ?? '')
          },
        })
        await joined
      },
      arrivedAt: () => Promise.resolve(arrived),
      brokerNow: async () => Number((await bare.send({ topic: probe, messages: [{ value: '' }] }))[0]?.logAppendTime),
      close: async () => {
        await Promise.all([bare, traced, consumer].map((client) => client.disconnect()))
        await Promise.all([admin.deleteTopics({ topics: [topic, probe] }), admin.deleteGroups([groupId])])
        await admin.disconnect()
      },
    }
  },
})
