import { randomUUID } from 'node:crypto'
import { bullmqTelemetry } from '@waybill/bullmq'
import { selftest, type SelftestResult } from '@waybill/doctor'
import { traceConsumer as traceKafkaConsumer, traceProducer as traceKafkaProducer } from '@waybill/kafka'
import { traceConsumer, traceProducer } from '@waybill/rabbitmq'
import { traceHandler, traceProducer as traceRedis } from '@waybill/redis-streams'
import amqplib from 'amqplib'
import { Queue, Worker } from 'bullmq'
import { Redis } from 'ioredis'
import { Kafka, logLevel } from 'kafkajs'
import { afterEach, beforeEach, describe, expect, inject, test } from 'vitest'
import { installSdk, type TestTelemetry } from '../telemetry.ts'

const brokers = inject('brokers')
const urlOf = (name: 'redis' | 'kafka' | 'rabbitmq'): string => {
  const broker = brokers[name]
  return 'url' in broker ? broker.url : ''
}

let telemetry: TestTelemetry
beforeEach(() => {
  telemetry = installSdk()
})
afterEach(() => telemetry.uninstall())

/** Sends a canary with the adapter on both sides, or with the consumer left as it is. */
const adapters: Record<string, (wrapped: boolean, destination: string) => Promise<SelftestResult>> = {
  async bullmq(wrapped, destination) {
    const connection = { url: urlOf('redis') }
    const options = { connection, telemetry: bullmqTelemetry() }
    const queue = new Queue(destination, options)
    let worker: Worker | undefined
    try {
      return await selftest(
        (text) => queue.add('canary', { text }),
        (seen) => {
          worker = new Worker(
            destination,
            (job) => Promise.resolve(seen((job.data as { text: string }).text)),
            wrapped ? options : { connection },
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
  async rabbitmq(wrapped, destination) {
    const connection = await amqplib.connect(urlOf('rabbitmq'))
    const producer = traceProducer(await connection.createConfirmChannel())
    const plain = await connection.createChannel()
    const consumer = wrapped ? traceConsumer(plain) : plain
    await plain.assertQueue(destination, { exclusive: true })
    try {
      return await selftest(
        (text) => producer.sendToQueue(destination, Buffer.from(text)),
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
  async kafka(wrapped, topic) {
    const kafka = new Kafka({ brokers: [urlOf('kafka')], logLevel: logLevel.NOTHING })
    const admin = kafka.admin()
    await admin.connect()
    await admin.createTopics({ topics: [{ topic }], waitForLeaders: true })
    const producer = traceKafkaProducer(kafka.producer())
    const plain = kafka.consumer({ groupId: `${topic}-readers` })
    const consumer = wrapped ? traceKafkaConsumer(plain) : plain
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
  async redis(wrapped, stream) {
    const redis = traceRedis(new Redis(urlOf('redis')))
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
            if (entry) (wrapped ? traced : handle)(entry)
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

const brokerOf = { bullmq: 'redis', redis: 'redis', kafka: 'kafka', rabbitmq: 'rabbitmq' } as const
const words: Record<string, string> = {
  bullmq: 'new Worker(',
  redis: 'traceHandler(',
  kafka: 'traceConsumer(kafka.consumer(',
  rabbitmq: 'traceConsumer(channel)',
}

describe.each(Object.entries(adapters))('doctor-33: selftest through %s', (name, run) => {
  const absent = urlOf(brokerOf[name as keyof typeof brokerOf]) === ''

  test.skipIf(absent)(
    'finds one trace, a wait within tolerance and the baggage',
    async () => {
      const result = await run(true, `doctor-selftest-${randomUUID()}`)
      expect(result).toMatchObject({ arrived: true, context: 'parent', baggage: true, problems: [] })
      expect(result.transitMs).toBeLessThanOrEqual(result.measuredMs + 100)
      expect(telemetry.recorder.open).toEqual([])
    },
    20_000,
  )

  test.skipIf(absent)(
    'names the hop and the fix when the consumer is not wrapped',
    async () => {
      const destination = `doctor-selftest-${randomUUID()}`
      const { context, problems } = await run(false, destination)
      expect(context).toBe('lost')
      expect(problems[0]).toContain(`context was lost on ${destination}`)
      expect(problems[0]).toContain(words[name])
    },
    20_000,
  )
})

test('doctor-33: a canary that never comes back is told', async () => {
  const { arrived, problems } = await selftest(
    () => undefined,
    () => undefined,
    { timeoutMs: 20, destination: 'nowhere' },
  )
  expect(arrived).toBe(false)
  expect(problems[0]).toContain('did not arrive from nowhere')
})
