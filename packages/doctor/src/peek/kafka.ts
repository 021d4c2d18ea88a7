// Kafka by kafkajs, which reads in a group only: one of our own that commits nothing and is deleted afterwards.
import { randomUUID } from 'node:crypto'
import type { Kafka } from 'kafkajs'
import { UnreadableInput } from '../input/json-values.ts'
import { textFields, type Look, type WaitingMessage } from './carrier.ts'
import { missingClient, type PeekOptions } from './options.ts'

const PATIENCE_MS = 15_000

/** Looks at the newest messages of a topic: which of them wait depends on the group, and no group is joined. */
export async function peekKafka(
  url: string,
  topic: string | undefined,
  options: PeekOptions,
): Promise<Look[]> {
  if (topic === undefined)
    throw new UnreadableInput('peek at Kafka needs the topic: peek kafka://host:9092 <topic>')
  const kafkajs = await import('kafkajs').catch((error: unknown) => {
    throw missingClient('kafkajs', error)
  })
  const { Kafka, logLevel } = kafkajs.default ?? kafkajs
  const brokers = url
    .replace(/^kafka:\/\//, '')
    .replace(/\/$/, '')
    .split(',')
  const kafka = new Kafka({
    brokers,
    clientId: 'waybill-doctor',
    logLevel: logLevel.NOTHING,
    retry: { retries: 2 },
  })
  return [await look(kafka, topic, options.count)]
}

async function look(kafka: Kafka, topic: string, count: number): Promise<Look> {
  const admin = kafka.admin()
  await admin.connect()
  const groupId = `waybill-doctor-peek-${randomUUID()}`
  try {
    const known = await admin.listTopics()
    // Asking for its offsets could create it.
    if (!known.includes(topic)) throw new UnreadableInput(`there is no topic ${topic}`)
    const partitions = (await admin.fetchTopicOffsets(topic)).map(({ partition, low, high }) => {
      const from = Math.max(Number(low), Number(high) - count)
      return { partition, from, to: Number(high), held: Number(high) - Number(low) }
    })
    const messages = await read(
      kafka,
      groupId,
      topic,
      partitions.filter(({ from, to }) => to > from),
    )
    return {
      destination: topic,
      system: 'kafka',
      waiting: undefined,
      messages: messages.slice(-count),
      note: `the newest of ${partitions.reduce((sum, { held }) => sum + held, 0)} messages that the topic holds`,
    }
  } finally {
    await admin.deleteGroups([groupId]).catch(() => undefined)
    await admin.disconnect()
  }
}

interface Range {
  readonly partition: number
  readonly from: number
  readonly to: number
}

async function read(
  kafka: Kafka,
  groupId: string,
  topic: string,
  ranges: readonly Range[],
): Promise<WaitingMessage[]> {
  if (ranges.length === 0) return []
  const consumer = kafka.consumer({ groupId, allowAutoTopicCreation: false, maxWaitTimeInMs: 200 })
  const open = new Map(ranges.map(({ partition, to }) => [partition, to]))
  const messages: (WaitingMessage & { sentAt: number })[] = []
  const { promise, resolve } = withResolvers()
  await consumer.connect()
  try {
    await consumer.subscribe({ topic, fromBeginning: true })
    await consumer.run({
      autoCommit: false,
      eachMessage: ({ partition, message }) => {
        const end = open.get(partition)
        const offset = Number(message.offset)
        if (end === undefined || offset >= end) return Promise.resolve()
        messages.push({ fields: textFields(message.headers), sentAt: Number(message.timestamp) })
        // Control records at the end of a partition are never delivered, but nobody waits for them for long.
        if (offset === end - 1) open.delete(partition)
        if (open.size === 0) resolve()
        return Promise.resolve()
      },
    })
    for (const { partition, from } of ranges) consumer.seek({ topic, partition, offset: String(from) })
    const timer = setTimeout(resolve, PATIENCE_MS)
    await promise
    clearTimeout(timer)
  } finally {
    await consumer.disconnect()
  }
  return messages.sort((a, b) => a.sentAt - b.sentAt)
}

function withResolvers(): { promise: Promise<void>; resolve: () => void } {
  let resolve: () => void = () => undefined
  const promise = new Promise<void>((done) => {
    resolve = done
  })
  return { promise, resolve }
}
