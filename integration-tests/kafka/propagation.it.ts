import { context, propagation, trace } from '@opentelemetry/api'
import type { RecordedSpan } from '@waybill/core/testing'
import type { IHeaders, KafkaMessage, Message } from 'kafkajs'
import { describe, expect, test, vi } from 'vitest'
import { deepFreeze } from '../../packages/kafka/test/fakes.ts'
import { kafkajs, libraries } from './clients.ts'
import {
  brokerMissing,
  idOf,
  inRequest,
  linksOf,
  parentOf,
  seenHere,
  withTenant,
  workbench,
} from './workbench.ts'

const FOREIGN = { traceId: '0af7651916cd43dd8448eb211c80319c', spanId: 'b7ad6b7169203331' }
const TRACEPARENT = `00-${FOREIGN.traceId}-${FOREIGN.spanId}-01`
const headersOf = (message: KafkaMessage | undefined): Record<string, string> =>
  Object.fromEntries(Object.entries(message?.headers ?? {}).map(([name, value]) => [name, String(value)]))

describe.skipIf(brokerMissing).each(libraries)('propagation: $name', (library) => {
  const bench = workbench(library)

  /** Sends with `send`, and gives what arrives with what its handler saw. */
  async function received(
    topics: readonly string[],
    count: number,
    send: () => Promise<unknown>,
  ): Promise<{ message: KafkaMessage; seen: ReturnType<typeof seenHere> }[]> {
    const all: { message: KafkaMessage; seen: ReturnType<typeof seenHere> }[] = []
    await send()
    const reader = await bench.consumer()
    for (const topic of topics.slice(1))
      await reader.subscribe({ topic, ...(library === kafkajs && { fromBeginning: true }) })
    await bench.scratch.run(reader, topics[0] as string, async ({ message }) => {
      all.push({ message, seen: seenHere() })
    })
    await vi.waitFor(() => expect(all).toHaveLength(count), { timeout: 10_000 })
    return all
  }

  test('kafka-12: send and sendBatch: one trace with baggage, from the request to the handler', async () => {
    const topics = [await bench.scratch.topic(), await bench.scratch.topic()] as const
    const sender = await bench.producer()
    const { traceId, spanId } = await withTenant('acme', () =>
      inRequest(async () => {
        await sender.send({ topic: topics[0], messages: [{ value: 'a' }] })
        await sender.sendBatch({
          topicMessages: topics.map((topic) => ({ topic, messages: [{ value: 'b' }] })),
        })
      }),
    )
    const arrived = await received(topics, 3, () => Promise.resolve())
    const sent = [
      ...(await bench.spans(`send ${topics[0]}`, 2)),
      ...(await bench.spans(`send ${topics[1]}`, 1)),
    ]
    const processed = [
      ...(await bench.spans(`process ${topics[0]}`, 2)),
      ...(await bench.spans(`process ${topics[1]}`, 1)),
    ]
    for (const span of sent) expect(parentOf(span)).toBe(spanId)
    expect(new Set(processed.map(parentOf))).toEqual(new Set(sent.map(idOf)))
    for (const span of [...sent, ...processed]) expect(span.spanContext().traceId).toBe(traceId)
    expect(arrived.map(({ seen }) => seen.tenant)).toEqual(['acme', 'acme', 'acme'])
    expect(new Set(arrived.map(({ seen }) => seen.spanId))).toEqual(new Set(processed.map(idOf)))
  })

  test('kafka-12: a transaction sends in one trace too; sendOffsets and commit are untouched', async () => {
    const topic = await bench.scratch.topic()
    const sender = await bench.producer({}, { transactionalId: `tx-${topic}` })
    const { traceId } = await withTenant('acme', () =>
      inRequest(async () => {
        const transaction = await sender.transaction()
        await transaction.send({ topic, messages: [{ value: 'one' }] })
        await transaction.sendBatch({ topicMessages: [{ topic, messages: [{ value: 'two' }] }] })
        await transaction.commit()
      }),
    )
    const arrived = await received([topic], 2, () => Promise.resolve())
    const processed = await bench.spans(`process ${topic}`, 2)
    expect(processed.map(parentOf)).toEqual((await bench.spans(`send ${topic}`, 2)).map(idOf))
    for (const span of processed) expect(span.spanContext().traceId).toBe(traceId)
    expect(arrived.map(({ seen }) => seen.tenant)).toEqual(['acme', 'acme'])
  })

  test('kafka-3: deep-frozen records work, can be sent again, and stay what they were', async () => {
    const topic = await bench.scratch.topic()
    const record = deepFreeze({ topic, messages: [{ key: 'k', value: 'v', headers: { kind: 'order' } }] })
    const copy = structuredClone(record)
    const sender = await bench.producer()
    const arrived = await received([topic], 3, async () => {
      await sender.send(record)
      await sender.send(record)
      await sender.sendBatch(deepFreeze({ topicMessages: [record] }))
    })
    expect(record).toEqual(copy)
    for (const { message } of arrived) {
      expect(String(message.value)).toBe('v')
      expect(Object.keys(message.headers ?? {})).toEqual(['kind', 'traceparent', 'waybill'])
    }
  })

  test('kafka-6: messages that share one headers object; each has its own context where asked for', async () => {
    const topic = await bench.scratch.topic()
    const headers: IHeaders = { kind: 'order' }
    const messages = ['a', 'b', 'c'].map((value) => ({ value, headers }))
    const sender = await bench.producer({ messageSpans: true })
    await received([topic], 3, () => sender.send({ topic, messages }))
    expect(headers).toEqual({ kind: 'order' })
    const created = await bench.spans(`create ${topic}`, 3)
    const processed = await bench.spans(`process ${topic}`, 3)
    expect(processed.map(parentOf)).toEqual(created.map(idOf))
    expect(new Set(created.map(idOf)).size).toBe(3)
  })

  test('kafka-14: our headers are text, in any letter case replaced and never doubled', async () => {
    const topic = await bench.scratch.topic()
    const headers = {
      Traceparent: 'rubbish',
      TRACESTATE: 'a=1',
      Waybill: 'sent=1',
      'x-user': Buffer.from([0xff]),
    }
    const sender = await bench.producer()
    const [only] = await received([topic], 1, () =>
      withTenant('acme', () => sender.send({ topic, messages: [{ value: 'a', headers }] })),
    )
    const names = Object.keys(only?.message.headers ?? {})
    expect(names.filter((name) => name.toLowerCase() === 'traceparent')).toEqual(['traceparent'])
    expect(names.filter((name) => name.toLowerCase() === 'waybill')).toEqual(['waybill'])
    expect(headersOf(only?.message)['baggage']).toBe('tenant=acme')
    expect(only?.message.headers?.['x-user']).toEqual(Buffer.from([0xff]))
    const [span] = await bench.spans(`send ${topic}`, 1)
    expect(headersOf(only?.message)['traceparent']).toContain(idOf(span))
  })

  test('kafka-17: an own traceparent is kept and linked; waybill is rewritten', async () => {
    const topic = await bench.scratch.topic()
    const sender = await bench.producer()
    const before = Date.now()
    const headers = { traceparent: TRACEPARENT, waybill: 'sent=1;origin=1' }
    const [only] = await received([topic], 1, () =>
      sender.send({ topic, messages: [{ value: 'a', headers }] }),
    )
    expect(headersOf(only?.message)['traceparent']).toBe(TRACEPARENT)
    const [, sent] = /^sent=(\d+);origin=\1/.exec(headersOf(only?.message)['waybill'] ?? '') ?? []
    expect(Number(sent)).toBeGreaterThanOrEqual(before)
    const [[span], [handled]] = [
      await bench.spans(`send ${topic}`, 1),
      await bench.spans(`process ${topic}`, 1),
    ]
    expect(linksOf(span)).toEqual([FOREIGN.spanId])
    expect(parentOf(handled)).toBe(FOREIGN.spanId)
  })

  test("kafka-17: existingContext: 'replace' writes ours, and links the other", async () => {
    const topic = await bench.scratch.topic()
    const sender = await bench.producer({ existingContext: 'replace' })
    const headers = { traceparent: TRACEPARENT, tracestate: 'a=1' }
    const [only] = await received([topic], 1, () =>
      sender.send({ topic, messages: [{ value: 'a', headers }] }),
    )
    const [[span], [handled]] = [
      await bench.spans(`send ${topic}`, 1),
      await bench.spans(`process ${topic}`, 1),
    ]
    expect(parentOf(handled)).toBe(idOf(span))
    expect(linksOf(span)).toEqual([FOREIGN.spanId])
    expect(Object.keys(headersOf(only?.message))).not.toContain('tracestate')
  })

  describe('kafka-15: as a foreign producer may have written it', () => {
    const other = TRACEPARENT.replace('b7ad', 'c7ad')
    test.each<[string, IHeaders, string | undefined]>([
      ['a repeated header: the last value', { traceparent: [other, TRACEPARENT] }, FOREIGN.spanId],
      [
        'the exact name before another case',
        { Traceparent: other, traceparent: TRACEPARENT },
        FOREIGN.spanId,
      ],
      ['another case alone', { TraceParent: TRACEPARENT }, FOREIGN.spanId],
      ['bytes', { traceparent: Buffer.from(TRACEPARENT) }, FOREIGN.spanId],
      ['rubbish', { traceparent: 'rubbish' }, undefined],
    ])('kafka-15: %s', async (_, headers, parent) => {
      const topic = await bench.scratch.topic()
      const bare = await bench.scratch.producer()
      await received([topic], 1, () => bare.send({ topic, messages: [{ value: 'a', headers }] }))
      const [handled] = await bench.spans(`process ${topic}`, 1)
      expect(parentOf(handled)).toBe(parent)
      expect(handled?.attributes['waybill.root.reason']).toBe(parent === undefined ? 'malformed' : undefined)
    })
  })

  test('kafka-19: topics that are opted out: nothing is written, read or recorded', async () => {
    const [traced, plain] = [await bench.scratch.topic(), await bench.scratch.topic()]
    const topics = (topic: string): boolean => topic !== plain
    const sender = await bench.producer({ topics })
    const all: KafkaMessage[] = []
    await sender.sendBatch({
      topicMessages: [traced, plain].map((topic) => ({ topic, messages: [{ value: 'a' }] })),
    })
    await sender.send({ topic: plain, messages: [{ value: 'b' }] })
    const reader = await bench.consumer({ topics })
    await reader.subscribe({ topic: plain, ...(library === kafkajs && { fromBeginning: true }) })
    await bench.scratch.run(reader, traced, async ({ topic, message }) => {
      if (topic === plain) all.push(message)
    })
    await vi.waitFor(() => expect(all).toHaveLength(2), { timeout: 10_000 })
    await bench.spans(`process ${traced}`, 1)
    for (const message of all) expect(Object.keys(message.headers ?? {})).toEqual([])
    expect(bench.telemetry.recorder.spans.filter(({ name }) => name.includes(plain))).toEqual([])
  })

  test('kafka-19: topics without headers: the send is recorded, old times do not travel on', async () => {
    const topic = await bench.scratch.topic()
    const sender = await bench.producer({ headers: (name) => name !== topic })
    const headers = { kind: 'order', waybill: 'sent=1700000000000;origin=1700000000000' }
    const [only] = await received([topic], 1, () =>
      sender.send({ topic, messages: [{ value: 'a', headers }] }),
    )
    expect(headersOf(only?.message)).toEqual({ kind: 'order' })
    const [handled] = await bench.spans(`process ${topic}`, 1)
    await bench.spans(`send ${topic}`, 1)
    expect(handled?.attributes['waybill.root.reason']).toBe('no_carrier')
  })
})

describe.skipIf(brokerMissing)('hostile input', () => {
  const bench = workbench(kafkajs)
  const valid = { traceparent: TRACEPARENT, waybill: `sent=${Date.now()};origin=${Date.now()}` }
  const hostile: [string, IHeaders][] = [
    ['__proto__', Object.defineProperty({}, '__proto__', { value: 'x', enumerable: true }) as IHeaders],
    ['toString and constructor', { toString: 'x', constructor: 'y' } as unknown as IHeaders],
    ['4,000 of them', Object.fromEntries(Array.from({ length: 4000 }, (_, i) => [`h${i}`, 'x']))],
    ['200 kB of baggage', { baggage: `k=${'x'.repeat(200_000)}` }],
    ['bytes that are no text', { tracestate: Buffer.from([0xff, 0xfe]), baggage: Buffer.alloc(64, 0x80) }],
  ]
  test.each(hostile)(
    'kafka-16: %s: no throw, and a valid traceparent beside it is continued',
    async (_, headers) => {
      const topic = await bench.scratch.topic()
      const bare = await bench.scratch.producer()
      const sender = await bench.producer()
      // A spread would run setters; what is own is sent.
      const both = Object.defineProperties(
        { ...valid },
        Object.getOwnPropertyDescriptors(headers),
      ) as IHeaders
      const messages: Message[] = [
        { value: 'a', headers: both },
        { value: 'b', headers },
      ]
      // kafkajs decodes in quadratic time: 4,000 headers take it two seconds a message.
      const isSlow = Object.keys(headers).length > 1000
      await bare.send({ topic, messages: isSlow ? messages.slice(0, 1) : messages })
      if (!isSlow) await sender.send({ topic, messages })
      await bench.scratch.run(await bench.consumer(), topic, () => Promise.resolve())
      const handled: RecordedSpan[] = await bench.spans(`process ${topic}`, isSlow ? 1 : 4)
      // The third kept the application's own context.
      const [sent] = bench.named(`send ${topic}`)
      const parents = [FOREIGN.spanId, undefined, FOREIGN.spanId, idOf(sent)]
      expect(handled.map(parentOf)).toEqual(parents.slice(0, handled.length))
    },
  )

  test('kafka-11: propagator, hooks, exporter and clock that throw: messages go through, each is told once', async () => {
    const topic = await bench.scratch.topic()
    const broken = (): never => {
      throw new Error('broken')
    }
    propagation.disable()
    propagation.setGlobalPropagator({ inject: broken, extract: broken, fields: () => ['traceparent'] })
    const faults = { now: broken, messageKeys: broken, topics: broken }
    const sender = await bench.producer({ ...faults, headers: broken })
    const reader = await bench.consumer({ ...faults, trust: broken, relation: broken, replay: broken })
    const values: string[] = []
    await sender.send({
      topic,
      messages: [
        { key: 'k', value: 'a' },
        { key: 'k', value: 'b' },
      ],
    })
    await bench.scratch.run(reader, topic, async ({ message }) => void values.push(String(message.value)))
    await bench.spans(`process ${topic}`, 2)
    expect(values).toEqual(['a', 'b'])
    for (const cause of ['propagator.inject()', 'propagator.extract()', 'options.now()', 'options.trust()'])
      expect(bench.telemetry.warnings.filter((line) => line.includes(cause))).toHaveLength(1)
  })

  test('kafka-11: listeners of ours survive whatever the events say', async () => {
    const topic = await bench.scratch.topic()
    const sender = await bench.producer()
    await sender.send({ topic, messages: [{ value: 'a' }] })
    const reader = await bench.consumer({ events: true, now: () => Number.NaN })
    trace.disable()
    trace.setGlobalTracerProvider({
      getTracer: () =>
        ({ startSpan: () => expect.unreachable(), startActiveSpan: () => expect.unreachable() }) as never,
    })
    const values: string[] = []
    await bench.scratch.run(reader, topic, async ({ message }) => void values.push(String(message.value)))
    await vi.waitFor(() => expect(values).toEqual(['a']), { timeout: 5000 })
    expect(context.active()).toBeDefined()
  })
})
