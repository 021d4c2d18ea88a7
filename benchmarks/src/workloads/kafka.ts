import { createRequire } from 'node:module'
import { context, type TextMapGetter } from '@opentelemetry/api'
import { BODY, OPTIONS, uniqueName } from '../message.ts'
import type { OpenWorkload } from '../workload.ts'

const BATCH = 100
const bufferGetter: TextMapGetter<object> = {
  keys: Object.keys,
  get: (headers, name) => (headers as Record<string, Buffer | undefined>)[name]?.toString(),
}
const PARTITIONS = 4

/** All sends first, then all of eachMessage: how much one fetch brings is then no matter of timing. */
export const open: OpenWorkload = async (url, variant, calls) => {
  if (variant === 'peer') {
    const { KafkaJsInstrumentation } = await import('@opentelemetry/instrumentation-kafkajs')
    new KafkaJsInstrumentation().enable()
  }
  // Required, not imported: the peer's hook sees only that, and all variants are to run the same code.
  const { Kafka, logLevel, Partitioners } = createRequire(import.meta.url)(
    'kafkajs',
  ) as typeof import('kafkajs')
  const kafka = new Kafka({ clientId: 'bench', brokers: url.split(','), logLevel: logLevel.ERROR })
  const topic = uniqueName('bench-topic')
  const groupId = uniqueName('bench-group')
  const admin = kafka.admin()
  await admin.connect()
  await admin.createTopics({ topics: [{ topic, numPartitions: PARTITIONS, replicationFactor: 1 }] })

  const producer = kafka.producer({ createPartitioner: Partitioners.DefaultPartitioner })
  const consumer = kafka.consumer({ groupId, maxWaitTimeInMs: 100 })
  if (variant === 'ours') {
    const { traceConsumer, traceProducer } = await import('@waybill/kafka')
    traceProducer(producer, OPTIONS)
    traceConsumer(consumer, OPTIONS)
  }
  let sent = 0
  let handled = 0
  let done: (() => void) | undefined
  const handle = async (): Promise<void> => {}
  await producer.connect()
  await consumer.connect()
  await consumer.subscribe({ topic, fromBeginning: true })
  const joined = new Promise<void>((resolve) => consumer.on('consumer.group_join', () => resolve()))
  await consumer.run({
    eachMessage: async ({ message }) => {
      const begun = calls?.beginHandle(message.headers ?? {}, bufferGetter)
      await (begun === undefined ? handle() : context.with(begun.context, handle))
      begun?.end()
      if (++handled === sent) done?.()
    },
  })
  await joined

  const send = async (): Promise<void> => {
    const begun = calls?.beginSend()
    if (begun === undefined) {
      await producer.send({ topic, messages: Array.from({ length: BATCH }, () => ({ value: BODY })) })
      return
    }
    const messages = Array.from({ length: BATCH }, () => ({ value: BODY, headers: { ...begun.carrier } }))
    await context.with(begun.context, () => producer.send({ topic, messages }))
    begun.end()
  }

  return {
    messagesPerSpan: variant === 'peer' ? 1 : BATCH,
    async run(messages) {
      consumer.pause([{ topic }])
      for (let i = 0; i < messages; i += BATCH) {
        await send()
      }
      sent += messages
      const all = new Promise<void>((resolve) => {
        done = resolve
      })
      consumer.resume([{ topic }])
      await all
    },
    async close() {
      await consumer.disconnect()
      await producer.disconnect()
      await admin.deleteGroups([groupId])
      await admin.deleteTopics({ topics: [topic] })
      await admin.disconnect()
    },
  }
}
