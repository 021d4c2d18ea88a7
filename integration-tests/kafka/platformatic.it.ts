import { randomUUID } from 'node:crypto'
import {
  Consumer,
  jsonSerializer,
  Producer,
  stringDeserializers,
  stringSerializers,
  type Message,
} from '@platformatic/kafka'
import { traceHandler, traceProducer, type ProducerOptions } from '@waybill/kafka/platformatic'
import { SpanKind, SpanStatusCode } from '@opentelemetry/api'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { deepFreeze } from '../../packages/kafka/test/fakes.ts'
import { kafkajs } from './clients.ts'
import {
  brokerMissing,
  brokerUrl,
  idOf,
  inRequest,
  linksOf,
  parentOf,
  seenHere,
  withTenant,
  workbench,
} from './workbench.ts'

describe.skipIf(brokerMissing)('@platformatic/kafka', () => {
  const bench = workbench(kafkajs)
  const closing: (() => Promise<void>)[] = []
  afterEach(async () => {
    for (const close of closing.splice(0).toReversed()) await close()
  })
  const common = { clientId: 'platformatic', bootstrapBrokers: [brokerUrl], autocreateTopics: false }

  function bare(config: object = {}): Producer<unknown, unknown, unknown, unknown> {
    const made = new Producer({ ...common, ...config } as never) as unknown as Producer<
      unknown,
      unknown,
      unknown,
      unknown
    >
    closing.push(async () => {
      await made.close()
    })
    return made
  }
  const producer = (config: object = {}, options?: ProducerOptions) => traceProducer(bare(config), options)

  /** Handles what is in the topic, one after the other, until `count` were handled. */
  async function handleAll<M extends Message<unknown, unknown, unknown, unknown>>(
    topic: string,
    count: number,
    handle: (message: M) => unknown,
    config: object = {},
  ): Promise<M[]> {
    const consumer = new Consumer({ ...common, groupId: `group-${randomUUID()}`, ...config } as never)
    const stream = await consumer.consume({
      topics: [topic],
      mode: 'earliest',
      autocommit: true,
      maxWaitTime: 50,
    } as never)
    closing.push(async () => {
      await stream.close()
      await consumer.close(true)
    })
    const all: M[] = []
    for await (const message of stream as unknown as AsyncIterable<M>) {
      all.push(message)
      await handle(message)
      if (all.length === count) break
    }
    return all
  }
  const idle = () => Promise.resolve()
  const fieldsOf = ({ headerEntries }: Message<unknown, unknown, unknown, unknown>): Record<string, string> =>
    Object.fromEntries(headerEntries.map(([name, value]) => [String(name), String(value)]))

  test.each([
    ['default serialisers', {}, Buffer.from('a'), new Map([[Buffer.from('kind'), Buffer.from('order')]])],
    ['default serialisers, no headers', {}, Buffer.from('a'), undefined],
    ['string serialisers and a Map', { serializers: stringSerializers }, 'a', new Map([['kind', 'order']])],
    ['string serialisers and an object', { serializers: stringSerializers }, 'a', { kind: 'order' }],
  ])('kafka-34: %s: one trace with baggage', async (_, config, value, headers) => {
    const topic = await bench.scratch.topic()
    const sender = producer(config)
    const record = deepFreezeUnlessMap({ messages: [{ topic, value, ...(headers && { headers }) }] })
    const { traceId } = await withTenant('acme', () => inRequest(() => sender.send(record as never)))
    const seen: unknown[] = []
    const handle = traceHandler(async () => void seen.push(seenHere()), { group: 'billing' })
    const [got] = await handleAll(topic, 1, handle)
    const [sent] = await bench.spans(`send ${topic}`, 1)
    const [handled] = await bench.spans(`process ${topic}`, 1)
    const fields = fieldsOf(got as never)
    expect(Object.keys(fields)).toEqual([...(headers ? ['kind'] : []), 'traceparent', 'baggage', 'waybill'])
    expect(parentOf(handled)).toBe(idOf(sent))
    expect(handled?.spanContext().traceId).toBe(traceId)
    expect(seen).toEqual([{ tenant: 'acme', spanId: idOf(handled) }])
    expect([sent?.kind, handled?.kind]).toEqual([SpanKind.PRODUCER, SpanKind.CONSUMER])
    expect(sent?.attributes).toMatchObject({
      'messaging.client.id': 'platformatic',
      'messaging.destination.partition.id': '0',
      'kafka.offset': 0,
    })
    expect(handled?.attributes).toMatchObject({
      'messaging.consumer.group.name': 'billing',
      'messaging.destination.partition.id': '0',
      'kafka.offset': 0,
      'waybill.delivery.attempt': 1,
    })
    expect(handled?.attributes['waybill.transit.time']).toBeGreaterThan(0)
    // Its record time is that of the first attempt: no word on how long the client held it.
    expect(handled?.attributes).not.toHaveProperty('waybill.transit.client_wait')
  })

  test('kafka-34: read by string deserialisers, and a repeated header as its last value', async () => {
    const topic = await bench.scratch.topic()
    const theirs = await bench.scratch.producer()
    const [other, valid] = ['c', 'b'].map((c) => `00-${'a'.repeat(32)}-${c.repeat(16)}-01`) as [
      string,
      string,
    ]
    await theirs.send({ topic, messages: [{ value: 'a', headers: { traceparent: [other, valid] } }] })
    await handleAll(topic, 1, traceHandler(idle), { deserializers: stringDeserializers })
    const [handled] = await bench.spans(`process ${topic}`, 1)
    expect(parentOf(handled)).toBe('b'.repeat(16))
  })

  test('kafka-34: the callback form, in the context of the caller; two topics, a span each', async () => {
    const topics = [await bench.scratch.topic(), await bench.scratch.topic()]
    const sender = producer()
    const messages = topics.map((topic) => ({ topic, value: Buffer.from('a') }))
    const { spanId } = await inRequest(() =>
      new Promise<unknown>((resolve, reject) => {
        const returned: unknown = sender.send({ messages } as never, (error, answer) => {
          if (error) reject(error as Error)
          else resolve([answer, seenHere().spanId, returned])
        })
      }).then((answered) => {
        const [answer, active, returned] = answered as [{ offsets: unknown[] }, string, unknown]
        expect(answer.offsets).toHaveLength(2)
        expect(returned).toBeUndefined()
        expect(active).toBe(bench.telemetry.recorder.spans[0]?.parentSpanContext?.spanId)
      }),
    )
    for (const topic of topics) expect(parentOf((await bench.spans(`send ${topic}`, 1))[0])).toBe(spanId)
  })

  test('kafka-34: a transaction and a stream send through the same method', async () => {
    const topic = await bench.scratch.topic()
    const sender = producer({
      idempotent: true,
      transactionalId: `tx-${topic}`,
      serializers: stringSerializers,
    })
    const transaction = await sender.beginTransaction({})
    await transaction.send({ messages: [{ topic, value: 'one' }] } as never)
    await transaction.commit()
    const streaming = producer({ serializers: stringSerializers })
    const stream = streaming.asStream({ batchSize: 2, batchTime: 5 } as never)
    stream.write({ topic, value: 'two' } as never)
    stream.write({ topic, value: 'three' } as never)
    await bench.spans(`send ${topic}`, 2)
    await stream.close()
    // Behind them lies the marker of the commit.
    const all = await handleAll(topic, 3, traceHandler(idle))
    const sent = await bench.spans(`send ${topic}`, 2)
    const handled = await bench.spans(`process ${topic}`, 3)
    expect(all.map(({ value }) => String(value))).toEqual(['one', 'two', 'three'])
    expect(handled.map(parentOf)).toEqual([sent[0], sent[1], sent[1]].map(idOf))
    expect(sent.map(({ attributes }) => attributes['messaging.batch.message_count'])).toEqual([undefined, 2])
  })

  test('kafka-34: serialisers that take neither bytes nor text: sent without headers, and told once', async () => {
    const topic = await bench.scratch.topic()
    const serializers = { headerKey: jsonSerializer, headerValue: jsonSerializer }
    const sender = producer({ serializers })
    await sender.send({ messages: [{ topic, value: Buffer.from('a') }] } as never)
    const [got] = await handleAll(topic, 1, traceHandler(idle))
    expect(fieldsOf(got as never)).toEqual({})
    expect(bench.telemetry.warnings.filter((line) => line.includes('headerForm'))).toHaveLength(1)
    await bench.spans(`send ${topic}`, 1)
    await bench.spans(`process ${topic}`, 1)
  })

  test('kafka-34: headerForm decides where it is given', async () => {
    const topic = await bench.scratch.topic()
    const strict = { headerKey: (name: unknown) => (name === 'x' ? undefined : Buffer.from(name as string)) }
    const sender = producer(
      { serializers: { headerValue: strict.headerKey, ...strict } },
      { headerForm: 'text' },
    )
    await sender.send({ messages: [{ topic, value: Buffer.from('a') }] } as never)
    const [got] = await handleAll(topic, 1, traceHandler(idle))
    expect(Object.keys(fieldsOf(got as never))).toContain('traceparent')
    await bench.spans(`process ${topic}`, 1)
  })

  test.each([
    ['nothing', undefined],
    ['no messages', {}],
    ['a message without topic', { messages: [{ value: Buffer.from('a') }] }],
    ['headers that are none', { messages: [{ topic: 't', value: Buffer.from('a'), headers: 7 }] }],
  ])("kafka-4: %s is rejected with the client's own error", async (_, argument) => {
    const rejection = async (client: { send: (argument: never) => unknown }): Promise<string> => {
      try {
        await client.send(argument as never)
        return 'resolved'
      } catch (error) {
        return (error as Error).message
      }
    }
    const [theirs, ours] = [await rejection(bare({ retries: 0 })), await rejection(producer({ retries: 0 }))]
    expect(ours).toBe(theirs)
    expect(ours).not.toBe('resolved')
    for (const span of bench.telemetry.recorder.spans) expect(span.status.code).toBe(SpanStatusCode.ERROR)
  })

  test('kafka-28: a message that the application handles again is the next attempt', async () => {
    const topic = await bench.scratch.topic()
    await producer().send({ messages: [{ topic, value: Buffer.from('a') }] } as never)
    let calls = 0
    const handle = traceHandler(async () => {
      if (++calls < 3) throw new Error('not yet')
    })
    await handleAll(topic, 1, async (message) => {
      for (let i = 0; i < 3; i++) await Promise.resolve(handle(message)).catch(() => undefined)
    })
    const all = await bench.spans(`process ${topic}`, 3)
    expect(all.map(({ attributes }) => attributes['waybill.delivery.attempt'])).toEqual([1, 2, 3])
    const [transit] = await bench.telemetry.series('waybill.transit.duration')
    expect(transit?.value).toMatchObject({ count: 1 })
  })

  test("kafka-22: messageSpans, and an application's own traceparent kept and linked", async () => {
    const topic = await bench.scratch.topic()
    const sender = producer({ serializers: stringSerializers }, { messageSpans: true })
    const own = `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01`
    const messages = [
      { topic, value: 'a' },
      { topic, value: 'b', headers: { traceparent: own } },
    ]
    await sender.send({ messages } as never)
    await handleAll(topic, 2, traceHandler(idle))
    const [created] = await bench.spans(`create ${topic}`, 1)
    const [call] = await bench.spans(`send ${topic}`, 1)
    const handled = await bench.spans(`process ${topic}`, 2)
    expect(linksOf(call)).toEqual([idOf(created), 'b'.repeat(16)])
    expect(handled.map(parentOf)).toEqual([idOf(created), 'b'.repeat(16)])
  })

  test('kafka-8: wrapping twice changes nothing; no acknowledgement, no offset', async () => {
    const topic = await bench.scratch.topic()
    const sender = producer()
    expect(traceProducer(sender)).toBe(sender)
    await sender.send(Object.freeze({ messages: [{ topic, value: Buffer.from('a') }], acks: 0 }) as never)
    const [sent] = await bench.spans(`send ${topic}`, 1)
    expect(sent?.attributes).not.toHaveProperty('kafka.offset')
    await vi.waitFor(() => expect(bench.telemetry.recorder.open).toEqual([]))
  })
})

/** The client takes frozen objects from us, for it writes into what it is given. A Map cannot be frozen. */
function deepFreezeUnlessMap<T>(value: T): T {
  return value instanceof Map ? value : deepFreeze(value)
}
