import type { TextMapPropagator } from '@opentelemetry/api'
import { bullmqTelemetry } from '@waybill/bullmq'
import { selftest, type SelftestResult } from '@waybill/doctor'
import { traceConsumer as traceKafkaConsumer, traceProducer as traceKafkaProducer } from '@waybill/kafka'
import { traceConsumer, traceProducer } from '@waybill/rabbitmq'
import { traceHandler, traceProducer as traceRedis } from '@waybill/redis-streams'
import amqplib from 'amqplib'
import { Queue, Worker } from 'bullmq'
import { Redis } from 'ioredis'
import { Kafka, logLevel } from 'kafkajs'
import { inject } from 'vitest'

const brokers = inject('brokers')
export const urlOf = (name: 'redis' | 'kafka' | 'rabbitmq'): string => {
  const broker = brokers[name]
  return 'url' in broker ? broker.url : ''
}

/** What of an adapter is left out. */
export interface Fault {
  /** The consumer is left as the client made it. */
  readonly plainConsumer?: boolean
  /** The producer makes its spans and writes nothing into the message. */
  readonly muteProducer?: boolean
}

const mute: TextMapPropagator = { inject: () => undefined, extract: (context) => context, fields: () => [] }

/** Sends a canary through each adapter. */
export const adapters: Record<string, (fault: Fault, destination: string) => Promise<SelftestResult>> = {
  async bullmq({ plainConsumer = false, muteProducer = false }, destination) {
    const sending = muteProducer ? { propagator: mute } : {}
    const connection = { url: urlOf('redis') }
    const options = { connection, telemetry: bullmqTelemetry() }
    const queue = new Queue(destination, { connection, telemetry: bullmqTelemetry(sending) })
    let worker: Worker | undefined
    try {
      return await selftest(
        (text) => queue.add('canary', { text }),
        (seen) => {
          worker = new Worker(
            destination,
            (job) => Promise.resolve(seen((job.data as { text: string }).text)),
            !plainConsumer ? options : { connection },
          )
        },
        { system: 'bullmq', destination },
      )
    } finally {
      await worker?.close()
      await queue.obliterate({ force: true })
      await queue.close()
    }
  },
  async rabbitmq({ plainConsumer = false, muteProducer = false }, destination) {
    const sending = muteProducer ? { propagator: mute } : {}
    const connection = await amqplib.connect(urlOf('rabbitmq'))
    const producer = traceProducer(await connection.createConfirmChannel(), sending)
    const plain = await connection.createChannel()
    const consumer = !plainConsumer ? traceConsumer(plain) : plain
    await plain.assertQueue(destination, { exclusive: true })
    try {
      return await selftest(
        (text) => producer.sendToQueue(destination, Buffer.from(text), { messageId: text }),
        (seen) =>
          consumer.consume(
            destination,
            (message) => {
              seen(message?.content.toString())
            },
            { noAck: true },
          ),
        { system: 'rabbitmq', destination },
      )
    } finally {
      await connection.close()
    }
  },
  async kafka({ plainConsumer = false, muteProducer = false }, topic) {
    const sending = muteProducer ? { propagator: mute } : {}
    const kafka = new Kafka({ brokers: [urlOf('kafka')], logLevel: logLevel.NOTHING })
    const admin = kafka.admin()
    await admin.connect()
    await admin.createTopics({ topics: [{ topic }], waitForLeaders: true })
    const producer = traceKafkaProducer(kafka.producer(), sending)
    const plain = kafka.consumer({ groupId: `${topic}-readers` })
    const consumer = !plainConsumer ? traceKafkaConsumer(plain) : plain
    await Promise.all([producer.connect(), consumer.connect()])
    try {
      return await selftest(
        (text) => producer.send({ topic, messages: [{ value: text }] }),
        async (seen) => {
          await consumer.subscribe({ topic, fromBeginning: true })
          await consumer.run({
            eachMessage: ({ message }) => Promise.resolve(seen(message.value?.toString())),
          })
        },
        { system: 'kafka', destination: topic },
      )
    } finally {
      await Promise.all([producer.disconnect(), consumer.disconnect()])
      await admin.deleteTopics({ topics: [topic] })
      await admin.disconnect()
    }
  },
  async redis({ plainConsumer = false, muteProducer = false }, stream) {
    const sending = muteProducer ? { propagator: mute } : {}
    const redis = traceRedis(new Redis(urlOf('redis')), sending)
    const reader = new Redis(urlOf('redis'))
    try {
      return await selftest(
        (text) => redis.xadd(stream, '*', 'text', text),
        (seen) => {
          const handle = (entry: unknown): void => {
            seen((entry as [string, string[]])[1][1])
          }
          const traced = traceHandler(handle, { stream })
          void reader.xread('BLOCK', 5_000, 'STREAMS', stream, '0').then((read) => {
            const entry = read?.[0]?.[1][0]
            if (entry) (!plainConsumer ? traced : handle)(entry)
          })
        },
        { system: 'redis', destination: stream },
      )
    } finally {
      await redis.del(stream)
      redis.disconnect()
      reader.disconnect()
    }
  },
}
