import { randomUUID } from 'node:crypto'
import amqplib from 'amqplib'
import { Queue } from 'bullmq'
import { Redis } from 'ioredis'
import { Kafka, logLevel } from 'kafkajs'
import { describe, expect, inject, test } from 'vitest'
import { doctor } from './command.ts'

const brokers = inject('brokers')
const urlOf = (name: 'redis' | 'kafka' | 'rabbitmq'): string => {
  const broker = brokers[name]
  return 'url' in broker ? broker.url : ''
}

const TRACEPARENT = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01'
const SENTRY = '4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-1'
const SECRET = 'the body of a message'

interface Seen {
  readonly destinations: readonly {
    readonly carriers: object
    readonly sampled: number
    readonly waiting: number | null
    readonly contradicted: number
    readonly oversize: number
    readonly largestBaggageBytes: number
    readonly oldestMs: number | null
  }[]
}

/** Without the idle times, which pass by themselves. */
async function pending(redis: Redis, stream: string): Promise<unknown[]> {
  const entries = (await redis.xpending(stream, 'workers', '-', '+', 10)) as unknown[][]
  return entries.map(([id, consumer, , count]) => [id, consumer, count])
}

/** A hash has no order, and dumps in whatever order it has in memory. */
async function contentOf(redis: Redis, key: string): Promise<unknown> {
  if ((await redis.type(key)) === 'hash') return redis.hgetall(key)
  return (await redis.dumpBuffer(key)).toString('hex')
}

async function peek(
  ...args: string[]
): Promise<{ code: number; seen: Seen['destinations'][number]; out: string }> {
  const { code, out, err } = await doctor('peek', ...args, '-f', 'json')
  expect(err).toBe('')
  expect(out).not.toContain(SECRET)
  const [seen] = (JSON.parse(out) as Seen).destinations
  return { code, out, seen: seen! }
}

describe.skipIf(urlOf('redis') === '')('peek at Redis', () => {
  test('doctor-30, doctor-31: a stream stays byte-identical, pending list included; each kind of carrier is counted', async () => {
    const redis = new Redis(urlOf('redis'))
    const stream = `doctor-peek-${randomUUID()}`
    await redis.xgroup('CREATE', stream, 'workers', '0', 'MKSTREAM')
    const add = (...fields: string[]) => redis.xadd(stream, '*', 'body', SECRET, ...fields)
    await add('traceparent', TRACEPARENT)
    // Delivered and not acknowledged: a second delivery would raise its count.
    await redis.xreadgroup('GROUP', 'workers', 'one', 'COUNT', 1, 'STREAMS', stream, '>')
    await add('traceparent', TRACEPARENT, 'baggage', `a=${'x'.repeat(9_000)}`)
    await add()
    await add('sentry-trace', SENTRY)
    await add('_datadog', '{"traceparent":"x"}')
    await add('traceparent', 'garbage')
    const state = async (): Promise<unknown[]> => [
      (await redis.dumpBuffer(stream)).toString('hex'),
      await redis.xinfo('STREAM', stream, 'FULL'),
      await pending(redis, stream),
    ]
    const before = await state()
    const { code, seen } = await peek(urlOf('redis'), stream)
    expect(await state()).toEqual(before)
    expect(code).toBe(1)
    expect(seen).toMatchObject({
      waiting: 5,
      sampled: 5,
      carriers: { w3c: 1, missing: 1, sentry: 1, datadog: 1, malformed: 1 },
      oversize: 1,
      largestBaggageBytes: 9_002,
    })
    const { out } = await doctor('peek', urlOf('redis'), stream)
    expect(out).toContain('NO-CARRIER  1 of 5 messages looked at have no traceparent')
    expect(out).toContain("VENDOR-CARRIER-MISMATCH  1 of 5 messages looked at are in Sentry's format")
    expect(out).toContain('largest baggage 9.0 kB')
    await redis.del(stream)
    redis.disconnect()
  })

  test('doctor-30: a message with two traces is told, and is no failure: W3C consumers follow the traceparent', async () => {
    const redis = new Redis(urlOf('redis'))
    const stream = `doctor-peek-${randomUUID()}`
    await redis.xadd(stream, '*', 'traceparent', TRACEPARENT, 'sentry-trace', SENTRY)
    const agreed = await peek(urlOf('redis'), stream)
    expect(agreed.seen).toMatchObject({ sampled: 1, contradicted: 0, carriers: { w3c: 1 } })
    await redis.xadd(stream, '*', 'traceparent', TRACEPARENT, 'sentry-trace', SENTRY.replaceAll('4', '5'))
    const { code, seen } = await peek(urlOf('redis'), stream)
    expect(code).toBe(0)
    expect(seen).toMatchObject({ sampled: 2, contradicted: 1, carriers: { w3c: 2 } })
    const { out } = await doctor('peek', urlOf('redis'), stream)
    expect(out).toContain('VENDOR-CARRIER-MISMATCH  1 of 2 messages looked at carry another trace')
    await redis.del(stream)
    redis.disconnect()
  })

  test("doctor-30, doctor-31: BullMQ's keys stay byte-identical; waiting, delayed and prioritised jobs are looked at", async () => {
    const redis = new Redis(urlOf('redis'))
    const prefix = `doctor-${randomUUID()}`
    const queue = new Queue('jobs', { connection: { url: urlOf('redis') }, prefix })
    const metadata = (text: string) => ({ telemetry: { metadata: text } })
    await queue.add('w3c', { SECRET }, metadata(JSON.stringify({ traceparent: TRACEPARENT })))
    await queue.add('none', { SECRET })
    await queue.add('sentry', { SECRET }, { ...metadata(SENTRY), delay: 60_000 })
    await queue.add('datadog', { SECRET }, { ...metadata('{"_datadog":{"traceparent":"x"}}'), priority: 5 })
    await queue.add('garbage', { SECRET }, metadata('{{'))
    const state = async (): Promise<[string, unknown][]> => {
      const keys = (await redis.keys(`${prefix}:*`)).sort()
      return Promise.all(
        keys.map(async (key): Promise<[string, unknown]> => [key, await contentOf(redis, key)]),
      )
    }
    const before = await state()
    const { code, seen } = await peek(urlOf('redis'), 'jobs', '--prefix', prefix)
    expect(await state()).toEqual(before)
    expect(code).toBe(1)
    expect(seen).toMatchObject({
      waiting: 5,
      sampled: 5,
      carriers: { w3c: 1, missing: 1, sentry: 1, datadog: 1, malformed: 1 },
    })
    expect(seen.oldestMs).toBeGreaterThanOrEqual(0)
    // Without a name, all queues of the prefix.
    const { out } = await doctor('peek', urlOf('redis'), '--prefix', prefix, '-f', 'json')
    expect(out).toContain('"destination": "jobs"')
    await queue.obliterate({ force: true })
    await queue.close()
    redis.disconnect()
  })
})

test.skipIf(urlOf('kafka') === '')(
  'doctor-30, doctor-31: at Kafka no offset moves and no group is left',
  async () => {
    const kafka = new Kafka({ brokers: [urlOf('kafka')], logLevel: logLevel.NOTHING })
    const topic = `doctor-peek-${randomUUID()}`
    const groupId = `${topic}-readers`
    const [admin, producer] = [kafka.admin(), kafka.producer()]
    await Promise.all([admin.connect(), producer.connect()])
    await admin.createTopics({ topics: [{ topic, numPartitions: 2 }], waitForLeaders: true })
    const message = (partition: number, headers: Record<string, string>) => ({
      value: SECRET,
      partition,
      headers,
    })
    await producer.send({
      topic,
      messages: [
        message(0, { traceparent: TRACEPARENT }),
        message(1, {}),
        message(0, { 'sentry-trace': SENTRY }),
        message(1, { 'x-datadog-trace-id': '1' }),
      ],
    })
    await admin.setOffsets({ groupId, topic, partitions: [{ partition: 0, offset: '1' }] })
    const groups = async () =>
      (await admin.listGroups()).groups
        .map((group) => group.groupId)
        .filter((id) => id.includes(topic) || id.includes('waybill-doctor-peek'))
    const state = async () => [
      await admin.fetchOffsets({ groupId, topics: [topic] }),
      await admin.fetchTopicOffsets(topic),
      await groups(),
    ]
    const before = await state()
    const { code, seen } = await peek(`kafka://${urlOf('kafka')}`, topic)
    expect(await state()).toEqual(before)
    expect(code).toBe(1)
    expect(seen).toMatchObject({ sampled: 4, carriers: { w3c: 1, missing: 1, sentry: 1, datadog: 1 } })
    const missing = await doctor('peek', `kafka://${urlOf('kafka')}`, `${topic}-none`)
    expect(missing).toMatchObject({ code: 2, err: expect.stringContaining('there is no topic') as string })
    expect(await admin.listTopics()).not.toContain(`${topic}-none`)
    await admin.deleteGroups([groupId])
    await admin.deleteTopics({ topics: [topic] })
    await Promise.all([admin.disconnect(), producer.disconnect()])
  },
  25_000,
)

test.skipIf(urlOf('rabbitmq') === '')(
  'doctor-30, doctor-31: at RabbitMQ waiting messages keep order and `redelivered`',
  async () => {
    const connection = await amqplib.connect(urlOf('rabbitmq'))
    const channel = await connection.createConfirmChannel()
    const exchange = `doctor-peek-${randomUUID()}`
    await channel.assertExchange(exchange, 'topic', { durable: false, autoDelete: true })
    const { queue } = await channel.assertQueue(exchange, { durable: false })
    await channel.bindQueue(queue, exchange, '#')
    const publish = (headers: object, messageId: string) =>
      channel.publish(exchange, 'orders', Buffer.from(SECRET), { headers, messageId })
    publish({ traceparent: TRACEPARENT }, 'old-1')
    publish({}, 'old-2')
    await channel.waitForConfirms()
    const published = ['old-1', 'old-2']
    const kinds = [{ traceparent: TRACEPARENT }, {}, { 'sentry-trace': SENTRY }, { traceparent: 'garbage' }]
    // Whenever the look begins, four in a row are one of each kind.
    const publishing = setInterval(() => {
      const id = `new-${published.length}`
      publish(kinds[published.length % kinds.length]!, id)
      published.push(id)
    }, 40)
    const { code, seen } = await peek(
      urlOf('rabbitmq'),
      queue,
      '--exchange',
      exchange,
      '--count',
      '4',
      '--seconds',
      '4',
    )
    clearInterval(publishing)
    expect(code).toBe(1)
    expect(seen).toMatchObject({ sampled: 4, carriers: { w3c: 1, missing: 1, sentry: 1, malformed: 1 } })
    await channel.waitForConfirms()
    const held: [string, boolean][] = []
    for (
      let got = await channel.get(queue, { noAck: true });
      got !== false;
      got = await channel.get(queue, { noAck: true })
    ) {
      held.push([String(got.properties.messageId), got.fields.redelivered])
    }
    expect(seen.waiting).toBeGreaterThanOrEqual(2)
    expect(held).toEqual(published.map((id) => [id, false]))
    await channel.deleteQueue(queue)
    const direct = await doctor('peek', urlOf('rabbitmq'), queue)
    expect(direct).toMatchObject({ code: 2, err: expect.stringContaining('--exchange') as string })
    await connection.close()
  },
)
