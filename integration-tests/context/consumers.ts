import { randomUUID } from 'node:crypto'
import { bullmqTelemetry } from '@waybill/bullmq'
import { runMessage, traceConsumer as traceKafkaConsumer, traceProducer as traceKafka } from '@waybill/kafka'
import { traceHandler as traceKafkaHandler } from '@waybill/kafka/platformatic'
import { traceConsumer, traceProducer } from '@waybill/rabbitmq'
import {
  createConsumer,
  traceHandler,
  traceProducer as traceRedis,
  type StreamEntry,
} from '@waybill/redis-streams'
import { Consumer, stringDeserializers } from '@platformatic/kafka'
import type { Redis } from 'ioredis'
import { bullmqScratch } from '../bullmq/scratch.ts'
import { kafkaScratch } from '../kafka/scratch.ts'
import { rabbitmqScratch, textOf } from '../rabbitmq/scratch.ts'
import { redisScratch } from '../redis-streams/scratch.ts'

/** A consumer that has been started, and two ways of sending to it. */
export interface Started {
  /** Through a traced client. */
  readonly send: (body: string) => Promise<unknown>
  /** Through a client that is not traced: the message carries nothing. */
  readonly sendBare: (body: string) => Promise<unknown>
  readonly close: () => Promise<unknown>
}

type Handle = (body: string) => Promise<void>

/** One way of consuming. Clients, connections and the consumer are all made by `start`. */
export interface Consuming {
  readonly name: string
  readonly broker: 'redis' | 'rabbitmq' | 'kafka'
  /** @param traced false: by the bare client. What has no bare form is always traced. */
  readonly start: (url: string, handle: Handle, traced: boolean) => Promise<Started>
  /** Whether there is a bare form to compare with. */
  readonly hasBare: boolean
}

export const consumers: readonly Consuming[] = [
  {
    name: 'a BullMQ worker',
    broker: 'redis',
    hasBare: true,
    async start(url, handle, traced) {
      const scratch = bullmqScratch(url)
      const [queue, bare] = [scratch.queue(bullmqTelemetry()), scratch.queue()]
      await scratch.worker((job) => handle(job.data.body), traced ? bullmqTelemetry() : undefined)
      return {
        send: (body) => queue.add('job', { body }),
        sendBare: (body) => bare.add('job', { body }),
        close: scratch.close,
      }
    },
  },
  {
    name: 'a RabbitMQ channel',
    broker: 'rabbitmq',
    hasBare: true,
    async start(url, handle, traced) {
      const scratch = await rabbitmqScratch(url)
      const [queue, bare] = [await scratch.queue(), await scratch.channel()]
      const [channel, producer] = [await scratch.channel(), traceProducer(await scratch.channel())]
      await scratch.consume(traced ? traceConsumer(channel) : channel, queue, async (message) => {
        await handle(textOf(message))
        channel.ack(message)
      })
      return {
        send: (body) => scratch.put(producer, queue, body),
        sendBare: (body) => scratch.put(bare, queue, body),
        close: scratch.close,
      }
    },
  },
  {
    name: 'eachMessage of kafkajs',
    broker: 'kafka',
    hasBare: true,
    start: (url, handle, traced) =>
      kafka(url, async (scratch, topic) => {
        const consumer = await scratch.consumer((made) => (traced ? traceKafkaConsumer(made) : made))
        await scratch.run(consumer, topic, ({ message }) => handle(String(message.value)))
      }),
  },
  {
    name: 'eachBatch of kafkajs with runMessage',
    broker: 'kafka',
    hasBare: false,
    start: (url, handle) =>
      kafka(url, async (scratch, topic) => {
        const consumer = await scratch.consumer(traceKafkaConsumer)
        await scratch.run(consumer, topic, {
          eachBatch: async ({ batch }) => {
            for (const message of batch.messages)
              await runMessage(message, () => handle(String(message.value)))
          },
        })
      }),
  },
  {
    name: 'a stream of @platformatic/kafka',
    broker: 'kafka',
    hasBare: true,
    start: (url, handle, traced) =>
      kafka(url, async (_scratch, topic, closing) => {
        const consumer = new Consumer({
          clientId: 'platformatic',
          bootstrapBrokers: url.split(','),
          groupId: `group-${randomUUID()}`,
          deserializers: stringDeserializers,
        })
        const stream = await consumer.consume({ topics: [topic], mode: 'earliest', maxWaitTime: 50 })
        const each = ({ value }: { value: string }): Promise<void> => handle(value)
        const handled = traced ? traceKafkaHandler(each as never) : each
        const reading = (async () => {
          for await (const message of stream) await handled(message as never)
        })()
        closing.push(async () => {
          await stream.close()
          await reading
          await consumer.close(true)
        })
      }),
  },
  {
    name: 'an XREADGROUP loop over ioredis',
    broker: 'redis',
    hasBare: true,
    start: (url, handle, traced) =>
      redisStreams(url, async (scratch, stream) => {
        await scratch.bare.xgroup('CREATE', stream, 'workers', '0', 'MKSTREAM')
        const reader = scratch.ioredis()
        const each = ([, fields]: StreamEntry): Promise<void> => handle(fields?.[1] ?? '')
        const handled = traced ? traceHandler(each, { stream, group: 'workers' }) : each
        void loop(reader, stream, handled)
        return () => {
          reader.disconnect()
        }
      }),
  },
  {
    name: 'createConsumer over ioredis',
    broker: 'redis',
    hasBare: false,
    start: (url, handle) =>
      redisStreams(url, (scratch, stream) => created(scratch.ioredis(), stream, handle)),
  },
  {
    name: 'createConsumer over node-redis',
    broker: 'redis',
    hasBare: false,
    start: (url, handle) =>
      redisStreams(url, async (scratch, stream) => created(await scratch.nodeRedis(), stream, handle)),
  },
]

async function kafka(
  url: string,
  consume: (
    scratch: Awaited<ReturnType<typeof kafkaScratch>>,
    topic: string,
    closing: (() => Promise<void>)[],
  ) => Promise<void>,
): Promise<Started> {
  const scratch = await kafkaScratch(url)
  const topic = await scratch.topic()
  const closing: (() => Promise<void>)[] = []
  const [producer, bare] = [await scratch.producer((made) => traceKafka(made)), await scratch.producer()]
  await consume(scratch, topic, closing)
  return {
    send: (value) => producer.send({ topic, messages: [{ value }] }),
    sendBare: (value) => bare.send({ topic, messages: [{ value }] }),
    async close() {
      for (const close of closing) await close()
      await scratch.close()
    },
  }
}

type RedisScratch = ReturnType<typeof redisScratch>

async function redisStreams(
  url: string,
  consume: (scratch: RedisScratch, stream: string) => Promise<() => unknown>,
): Promise<Started> {
  const scratch = redisScratch(url)
  const [stream, producer] = [scratch.stream(), traceRedis(scratch.ioredis())]
  const stop = await consume(scratch, stream)
  return {
    send: (body) => producer.xadd(stream, '*', 'body', body),
    sendBare: (body) => scratch.bare.xadd(stream, '*', 'body', body),
    async close() {
      await stop()
      await scratch.close()
    },
  }
}

async function created(client: object, stream: string, handle: Handle): Promise<() => Promise<unknown>> {
  const consumer = createConsumer({
    client: client as Redis,
    streams: [stream],
    group: 'workers',
    consumer: 'c1',
    blockMs: 30,
    handler: ({ fields }) => handle(String(fields['body'])),
  })
  await consumer.ready()
  return () => consumer.stop({ deadlineMs: 1000 })
}

/** Reads until the connection is closed. */
async function loop(
  reader: Redis,
  stream: string,
  handle: (entry: StreamEntry) => Promise<void>,
): Promise<void> {
  for (;;) {
    const read = await reader
      .xreadgroup('GROUP', 'workers', 'c1', 'BLOCK', 0, 'STREAMS', stream, '>')
      .catch(() => undefined)
    if (read === undefined) return
    for (const entry of read?.[0]?.[1] ?? []) await handle(entry)
  }
}
