import { Kafka, logLevel, Partitioners } from 'kafkajs'
import { traceConsumer, traceProducer } from '@waybill/kafka'
import { BODY, OPTIONS, uniqueName } from '../message.ts'
import type { PathJob } from '../path.ts'
import { cpuOf } from '../cpu.ts'

const BATCH = 100

/** CPU time of `send()` with 100 messages, or of `eachBatch` with what a fetch brings, µs per message. */
export async function measureKafka(job: PathJob): Promise<number> {
  const kafka = new Kafka({ clientId: 'bench', brokers: job.url.split(','), logLevel: logLevel.ERROR })
  const topic = uniqueName('bench-topic')
  const groupId = uniqueName('bench-group')
  const admin = kafka.admin()
  await admin.connect()
  await admin.createTopics({ topics: [{ topic, numPartitions: 4, replicationFactor: 1 }] })
  const producer = kafka.producer({ createPartitioner: Partitioners.DefaultPartitioner })
  const consumer = kafka.consumer({ groupId, maxWaitTimeInMs: 100 })
  if (job.variant === 'ours') {
    traceProducer(producer, OPTIONS)
    traceConsumer(consumer, OPTIONS)
  }
  await producer.connect()
  const send = async (messages: number): Promise<void> => {
    for (let i = 0; i < messages; i += BATCH)
      await producer.send({ topic, messages: Array.from({ length: BATCH }, () => ({ value: BODY })) })
  }
  try {
    if (job.path === 'kafka-send') {
      await send(job.warmUp)
      return (await cpuOf(() => send(job.messages))) / job.messages
    }
    let [sent, handled] = [0, 0]
    let done: (() => void) | undefined
    await consumer.connect()
    await consumer.subscribe({ topic, fromBeginning: true })
    const joined = new Promise<void>((resolve) => consumer.on('consumer.group_join', () => resolve()))
    await consumer.run({
      eachBatch: async ({ batch }) => {
        handled += batch.messages.length
        if (handled === sent) done?.()
      },
    })
    await joined
    const consume = async (messages: number): Promise<number> => {
      consumer.pause([{ topic }])
      await send(messages)
      sent += messages
      const all = new Promise<void>((resolve) => {
        done = resolve
      })
      return cpuOf(async () => {
        consumer.resume([{ topic }])
        await all
      })
    }
    await consume(job.warmUp)
    return (await consume(job.messages)) / job.messages
  } finally {
    await consumer.disconnect()
    await producer.disconnect()
    await admin.deleteTopics({ topics: [topic] })
    await admin.disconnect()
  }
}
