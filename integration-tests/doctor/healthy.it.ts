import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { bullmqTelemetry, type BullmqTelemetry } from '@waybill/bullmq'
import { diagnoseSpans, type SdkSpan } from '@waybill/doctor'
import { traceConsumer as traceKafkaConsumer, traceProducer as traceKafkaProducer } from '@waybill/kafka'
import { traceConsumer, traceProducer } from '@waybill/rabbitmq'
import amqplib from 'amqplib'
import { FlowProducer, Queue, Worker } from 'bullmq'
import { BullMQOtel } from 'bullmq-otel'
import { Kafka, logLevel } from 'kafkajs'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { installSdk, type TestTelemetry } from '../telemetry.ts'
import { urlOf } from './adapters.ts'

let telemetry: TestTelemetry
beforeEach(() => {
  telemetry = installSdk()
})
afterEach(() => telemetry.uninstall())

/** What the doctor says of everything up to now; of waits only where they are recorded, which other tools do not do. */
async function findings(saysWaits = true): Promise<string[]> {
  await vi.waitFor(() => expect(telemetry.recorder.open).toEqual([]))
  return diagnoseSpans(telemetry.recorder.spans as unknown as SdkSpan[])
    .findings.filter(({ rule }) => saysWaits || rule !== 'UNEXPLAINED-GAP')
    .map(({ rule, level, message }) => `${rule} ${level}: ${message}`)
}

test.skipIf(urlOf('redis') === '').each([
  ['Waybill', () => bullmqTelemetry()],
  ['bullmq-otel', () => new BullMQOtel({ tracerName: 'bullmq' }) as unknown as BullmqTelemetry],
])(
  'doctor-5, doctor-11: BullMQ with %s: retries, bulk, flows, delays, deduplication and a scheduler are no findings',
  async (name, make) => {
    const connection = { url: urlOf('redis') }
    const queueName = `doctor-healthy-${randomUUID()}`
    const options = { connection, telemetry: make() }
    const queue = new Queue(queueName, options)
    const flows = new FlowProducer(options)
    let handled = 0
    const worker = new Worker(
      queueName,
      async (job) => {
        handled++
        if (job.name === 'retry' && job.attemptsMade < 2) throw new Error('again')
        await sleep(2)
      },
      { ...options, concurrency: 4 },
    )
    await worker.waitUntilReady()
    await queue.add('retry', {}, { attempts: 3, backoff: 5 })
    await queue.addBulk([1, 2, 3].map((n) => ({ name: 'bulk', data: { n } })))
    const child = (n: number) => ({ name: `child ${n}`, queueName, opts: {} })
    await flows.add({ name: 'parent', queueName, opts: {}, children: [child(1), child(2)] })
    await queue.add('delayed', {}, { delay: 30 })
    for (let i = 0; i < 2; i++) await queue.add('once', {}, { deduplication: { id: 'one', ttl: 5_000 } })
    await queue.upsertJobScheduler('tick', { every: 40 }, { name: 'tick' })
    await vi.waitFor(() => expect(handled).toBeGreaterThanOrEqual(14), { timeout: 8_000 })
    await queue.removeJobScheduler('tick')
    await worker.close()
    await queue.obliterate({ force: true })
    await Promise.all([queue.close(), flows.close()])
    expect(await findings(name === 'Waybill')).toEqual([])
  },
  20_000,
)

test.skipIf(urlOf('kafka') === '')(
  'doctor-5: Kafka with two groups, batches and a re-read is no finding',
  async () => {
    const kafka = new Kafka({ brokers: [urlOf('kafka')], logLevel: logLevel.NOTHING })
    const topic = `doctor-healthy-${randomUUID()}`
    const admin = kafka.admin()
    await admin.connect()
    await admin.createTopics({ topics: [{ topic }], waitForLeaders: true })
    const producer = traceKafkaProducer(kafka.producer())
    const [each, batch] = ['each', 'batch'].map((group) =>
      traceKafkaConsumer(kafka.consumer({ groupId: `${topic}-${group}`, maxWaitTimeInMs: 50 })),
    )
    await Promise.all([producer.connect(), each!.connect(), batch!.connect()])
    let [seen, batched] = [0, 0]
    for (const consumer of [each!, batch!]) await consumer.subscribe({ topic, fromBeginning: true })
    for (let n = 0; n < 3; n++) await producer.send({ topic, messages: [{ value: `${n}` }] })
    await producer.send({ topic, messages: [{ value: 'a' }, { value: 'b' }] })
    await each!.run({ eachMessage: () => Promise.resolve(void seen++) })
    await batch!.run({
      eachBatch: ({ batch: { messages } }) => Promise.resolve(void (batched += messages.length)),
    })
    await vi.waitFor(() => expect([seen, batched]).toEqual([5, 5]), { timeout: 10_000 })
    each!.seek({ topic, partition: 0, offset: '0' })
    await vi.waitFor(() => expect(seen).toBe(10), { timeout: 10_000 })
    await Promise.all([producer.disconnect(), each!.disconnect(), batch!.disconnect()])
    await admin.deleteTopics({ topics: [topic] })
    await admin.disconnect()
    expect(await findings()).toEqual([])
  },
  30_000,
)

test.skipIf(urlOf('rabbitmq') === '')(
  'doctor-5: RabbitMQ with an exchange, a redelivery, a dead letter and its redrive is no finding',
  async () => {
    const connection = await amqplib.connect(urlOf('rabbitmq'))
    const channel = traceConsumer(traceProducer(await connection.createConfirmChannel()))
    const id = randomUUID()
    const [exchange, dead] = [`doctor-orders-${id}`, `doctor-dead-${id}`]
    await channel.assertExchange(exchange, 'topic', { durable: false, autoDelete: true })
    await channel.assertQueue(dead, { exclusive: true })
    const { queue } = await channel.assertQueue('', {
      exclusive: true,
      deadLetterExchange: '',
      deadLetterRoutingKey: dead,
    })
    await channel.bindQueue(queue, exchange, 'orders.*')
    let [redelivered, redriven] = [0, 0]
    await channel.consume(queue, (message) => {
      if (message === null) return
      if (message.properties.messageId === 'again' && !message.fields.redelivered)
        channel.nack(message, false, true)
      else if (message.properties.messageId === 'poison' && redriven === 0)
        channel.nack(message, false, false)
      else {
        redelivered++
        channel.ack(message)
      }
    })
    await channel.consume(dead, (message) => {
      if (message === null) return
      redriven++
      const { headers, messageId } = message.properties
      channel.publish(exchange, 'orders.again', message.content, { headers, messageId: String(messageId) })
      channel.ack(message)
    })
    for (const messageId of ['fine', 'again', 'poison'])
      channel.publish(exchange, 'orders.new', Buffer.from('x'), { messageId })
    await vi.waitFor(() => expect([redelivered, redriven]).toEqual([3, 1]), { timeout: 5_000 })
    await channel.close()
    await connection.close()
    expect(await findings()).toEqual([])
  },
  15_000,
)
