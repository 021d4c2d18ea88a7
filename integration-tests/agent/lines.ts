import { randomUUID } from 'node:crypto'
import type { BrokerName } from '@waybill/brokers'
import { bullmqTelemetry } from '@waybill/bullmq'
import type { TelemetryOptions } from '@waybill/core'
import { traceConsumer as traceKafkaConsumer, traceProducer as traceKafkaProducer } from '@waybill/kafka'
import { traceConsumer, traceProducer } from '@waybill/rabbitmq'
import { traceHandler, traceProducer as traceRedis, type StreamEntry } from '@waybill/redis-streams'
import { connect } from 'amqplib'
import { Queue, Worker } from 'bullmq'
import { Redis } from 'ioredis'
import { Kafka, logLevel } from 'kafkajs'

type Handler = (body: string) => unknown

/** A traced queue of its own between two agents. */
export interface Line {
  readonly name: string
  readonly send: (body: string) => Promise<unknown>
  /** Hands every message to the handler; ready when settled. */
  readonly consume: (handler: Handler) => Promise<void>
  readonly close: () => Promise<unknown>
}

/** How a line is opened on each broker, by the name of its adapter. */
export const lines: Readonly<Record<string, { readonly broker: BrokerName; readonly open: OpenLine }>> = {
  bullmq: { broker: 'redis', open: bullmqLine },
  'redis-streams': { broker: 'redis', open: streamLine },
  kafka: { broker: 'kafka', open: kafkaLine },
  rabbitmq: { broker: 'rabbitmq', open: rabbitmqLine },
}

export type OpenLine = (url: string, options?: TelemetryOptions) => Promise<Line>

async function bullmqLine(url: string, options?: TelemetryOptions): Promise<Line> {
  const name = `agents-${randomUUID()}`
  const settings = { connection: { url }, telemetry: bullmqTelemetry(options) }
  const queue = new Queue(name, settings)
  let worker: Worker | undefined
  return {
    name,
    send: (body) => queue.add('job', body, { attempts: 2 }),
    async consume(handler) {
      worker = new Worker(name, async (job) => handler(job.data as string), settings)
      await worker.waitUntilReady()
    },
    async close() {
      await worker?.close()
      await queue.obliterate({ force: true })
      await queue.close()
    },
  }
}

async function streamLine(url: string, options?: TelemetryOptions): Promise<Line> {
  const name = `agents-${randomUUID()}`
  const [redis, reader] = [traceRedis(new Redis(url), options), new Redis(url)]
  await redis.xgroup('CREATE', name, 'agents', '$', 'MKSTREAM')
  return {
    name,
    send: (body) => redis.xadd(name, '*', 'body', body),
    async consume(handler) {
      const handle = traceHandler(async ([, fields]: StreamEntry) => handler(fields?.[1] ?? ''), {
        stream: name,
        group: 'agents',
        ...options,
      })
      const loop = async (): Promise<void> => {
        for (;;) {
          const read = await reader.xreadgroup('GROUP', 'agents', 'me', 'BLOCK', 0, 'STREAMS', name, '>')
          for (const entry of (read?.[0]?.[1] ?? []) as StreamEntry[])
            void handle(entry).catch(() => undefined)
        }
      }
      loop().catch(() => undefined) // ends when close() disconnects the reader
    },
    async close() {
      reader.disconnect()
      await redis.del(name)
      redis.disconnect()
    },
  }
}

async function kafkaLine(url: string, options?: TelemetryOptions): Promise<Line> {
  const name = `agents-${randomUUID()}`
  const kafka = new Kafka({ brokers: [url], logLevel: logLevel.NOTHING, retry: { initialRetryTime: 20 } })
  const admin = kafka.admin()
  const producer = traceKafkaProducer(kafka.producer(), options)
  const consumer = traceKafkaConsumer(kafka.consumer({ groupId: name, maxWaitTimeInMs: 50 }), options)
  await admin.connect()
  await admin.createTopics({ topics: [{ topic: name }] })
  await producer.connect()
  return {
    name,
    send: (body) => producer.send({ topic: name, messages: [{ value: body }] }),
    async consume(handler) {
      await consumer.connect()
      await consumer.subscribe({ topic: name, fromBeginning: true })
      await consumer.run({
        eachMessage: async ({ message }) => void (await handler(String(message.value))),
      })
    },
    async close() {
      await Promise.all([producer.disconnect(), consumer.disconnect()])
      await admin.deleteTopics({ topics: [name] })
      await admin.disconnect()
    },
  }
}

async function rabbitmqLine(url: string, options?: TelemetryOptions): Promise<Line> {
  const name = `agents-${randomUUID()}`
  const connection = await connect(url)
  const channel = traceConsumer(traceProducer(await connection.createConfirmChannel(), options), options)
  await channel.assertQueue(name)
  return {
    name,
    async send(body) {
      channel.sendToQueue(name, Buffer.from(body))
      await channel.waitForConfirms()
    },
    async consume(handler) {
      await channel.consume(name, (message) => {
        // What a consumer is handed when its queue goes.
        if (message === null) return
        void Promise.try(() => handler(String(message.content))).then(
          () => channel.ack(message),
          () => channel.nack(message, false, false),
        )
      })
    },
    async close() {
      await channel.deleteQueue(name)
      await connection.close()
    },
  }
}
