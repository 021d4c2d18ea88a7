import { createRequire } from 'node:module'
import { setTimeout as delay } from 'node:timers/promises'
import { context, propagation, ROOT_CONTEXT, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api'
import { KafkaJsInstrumentation } from '@opentelemetry/instrumentation-kafkajs'
import { runMessage, traceConsumer, traceProducer } from '@waybill/kafka'
import type { RecordedSpan } from '@waybill/core/testing'
import type { Consumer, EachBatchPayload, KafkaMessage, Producer } from 'kafkajs'
import { afterEach, beforeEach, describe, expect, inject, test, vi } from 'vitest'
import { kafkaScratch, type KafkaScratch } from './scratch.ts'
import { installSdk, type TestTelemetry } from '../telemetry.ts'

const broker = inject('brokers').kafka

describe.skipIf('missing' in broker)('kafkajs on a real broker', () => {
  let telemetry: TestTelemetry
  let scratch: KafkaScratch
  beforeEach(async () => {
    scratch = await kafkaScratch((broker as { url: string }).url)
    telemetry = installSdk()
  })
  afterEach(async () => {
    await scratch.close()
    expect(telemetry.recorder.open).toEqual([])
    await telemetry.uninstall()
  })

  const anyWait = { transitSpan: { minMs: 0 } }
  const producer = (): Promise<Producer> => scratch.producer((made) => traceProducer(made))
  const consumer = (): Promise<Consumer> => scratch.consumer((made) => traceConsumer(made, anyWait))
  const named = (name: string): RecordedSpan[] =>
    telemetry.recorder.spans.filter((span) => span.name === name)
  const spans = (name: string, count: number): Promise<RecordedSpan[]> =>
    vi.waitFor(
      () => {
        expect(named(name)).toHaveLength(count)
        return named(name)
      },
      { timeout: 10_000, interval: 5 },
    )
  const idOf = (span: RecordedSpan | undefined): string | undefined => span?.spanContext().spanId
  const withTenant = <T>(tenant: string, fn: () => T): T =>
    context.with(
      propagation.setBaggage(ROOT_CONTEXT, propagation.createBaggage({ tenant: { value: tenant } })),
      fn,
    )
  const seconds = ([s, ns] = [Number.NaN, 0]): number => s + ns / 1e9
  const seenHere = () => ({
    tenant: propagation.getActiveBaggage()?.getEntry('tenant')?.value,
    spanId: trace.getSpanContext(context.active())?.spanId,
  })

  describe('sending', () => {
    test('several messages in one call: one span with their number, each with headers of its own', async () => {
      const topic = await scratch.topic()
      const headers = Object.freeze({ kind: 'order' })
      const messages = ['a', 'b', 'c'].map((value) => Object.freeze({ value, headers }))
      const record = Object.freeze({ topic, messages: Object.freeze(messages) as typeof messages })
      const sender = await producer()
      await sender.send(record)
      await sender.send(record)
      const received: KafkaMessage[] = []
      await scratch.run(await consumer(), topic, async ({ message }) => void received.push(message))
      await spans(`process ${topic}`, 6)

      const [first, second] = await spans(`send ${topic}`, 2)
      expect(first?.kind).toBe(SpanKind.PRODUCER)
      expect(first?.attributes['messaging.batch.message_count']).toBe(3)
      expect(headers).toEqual({ kind: 'order' })
      expect(received.map(({ value }) => String(value)).join('')).toBe('abcabc')
      for (const { headers: sent } of received) {
        expect(Object.keys(sent ?? {})).toEqual(['kind', 'traceparent', 'waybill'])
      }
      const parents = named(`process ${topic}`).map((span) => span.parentSpanContext?.spanId)
      expect(parents).toEqual([first, first, first, second, second, second].map(idOf))
      const [sent] = await telemetry.series('messaging.client.sent.messages')
      expect(sent?.value).toBe(6)
    })

    test('sendBatch over two topics: a span for each around one call', async () => {
      const topics = [await scratch.topic(), await scratch.topic()]
      const topicMessages = topics.map((topic) => ({ topic, messages: [{ value: 'a' }, { value: 'b' }] }))
      const answer = await (await producer()).sendBatch({ topicMessages })
      expect(answer).toHaveLength(2)
      const received: Record<string, unknown>[] = []
      const reader = await consumer()
      await reader.subscribe({ topic: topics[1] as string, fromBeginning: true })
      await scratch.run(reader, topics[0] as string, async ({ topic, message }) => {
        received.push({ topic, parent: String(message.headers?.['traceparent']).split('-')[2] })
      })
      await vi.waitFor(() => expect(received).toHaveLength(4), { timeout: 5000 })
      for (const topic of topics) {
        const [span] = await spans(`send ${topic}`, 1)
        expect(span?.attributes).toMatchObject({
          'messaging.destination.name': topic,
          'messaging.batch.message_count': 2,
          'messaging.destination.partition.id': '0',
        })
        expect(span?.attributes).not.toHaveProperty('kafka.offset')
        const parents = received.filter((message) => message['topic'] === topic).map(({ parent }) => parent)
        expect(parents).toEqual([idOf(span), idOf(span)])
      }
    })

    test('partition and offset are the same on both sides, and the client says who it is', async () => {
      const topic = await scratch.topic()
      const sender = await producer()
      await sender.send({ topic, messages: [{ value: 'first' }] })
      await sender.send({ topic, messages: [{ key: 'a secret', value: null }] })
      await scratch.run(await consumer(), topic, () => Promise.resolve())
      const sent = await spans(`send ${topic}`, 2)
      const processed = await spans(`process ${topic}`, 2)
      const [host, port] = (broker as { url: string }).url.split(':')
      for (const [offset, pair] of [0, 1].map((i) => [i, [sent[i], processed[i]]] as const)) {
        for (const span of pair) {
          expect(span?.attributes).toMatchObject({
            'messaging.destination.partition.id': '0',
            'kafka.offset': offset,
            'messaging.client.id': 'kafkajs',
            'server.address': host,
            'server.port': Number(port),
          })
          expect(span?.attributes['kafka.message.tombstone']).toBe(offset === 1 ? true : undefined)
          expect(Object.values(span?.attributes ?? {})).not.toContain('a secret')
        }
      }
      expect(processed[0]?.attributes['messaging.consumer.group.name']).toBe(scratch.groupId)
      const [consumed] = await telemetry.series('messaging.client.consumed.messages')
      expect(consumed).toMatchObject({
        value: 2,
        attributes: { 'messaging.consumer.group.name': scratch.groupId },
      })
    })

    test('no acknowledgement, no offset', async () => {
      const topic = await scratch.topic()
      await (await producer()).send({ topic, acks: 0, messages: [{ value: 'a' }] })
      const [span] = await spans(`send ${topic}`, 1)
      expect(span?.attributes).not.toHaveProperty('kafka.offset')
      expect(span?.attributes).not.toHaveProperty('messaging.destination.partition.id')
    })

    test.each([
      ['send without messages', 'send', { topic: 't' }],
      ['send without topic', 'send', { messages: [{ value: 'a' }] }],
      ['send of nothing', 'send', undefined],
      ['send of no message', 'send', { topic: 't', messages: [null] }],
      [
        'send of a message without value',
        'send',
        { topic: 't', messages: [{ key: 'k', headers: { a: 'b' } }] },
      ],
      ['send with null as headers', 'send', { topic: 't', messages: [{ value: 'a', headers: null }] }],
      [
        'send with null in a header',
        'send',
        { topic: 't', messages: [{ value: 'a', headers: { a: null } }] },
      ],
      ['sendBatch without messages', 'sendBatch', { topicMessages: [{ topic: 't' }] }],
      ['sendBatch of nothing', 'sendBatch', undefined],
      ['sendBatch of a non-list', 'sendBatch', { topicMessages: 7 }],
    ] as const)("%s rejects with the client's own error", async (_, method, argument) => {
      const topic = await scratch.topic()
      const given = JSON.parse(JSON.stringify([argument]).replace('"t"', `"${topic}"`))[0] ?? undefined
      const rejection = (client: Producer): Promise<Error> =>
        client[method](given).then(
          () => expect.unreachable('resolved'),
          (error: Error) => error,
        )
      const theirs = await rejection(await scratch.producer())
      const ours = await rejection(await producer())
      expect(ours.message).toBe(theirs.message)
      expect(ours.constructor).toBe(theirs.constructor)
      expect(telemetry.recorder.open).toEqual([])
      for (const span of telemetry.recorder.spans) expect(span.status.code).toBe(SpanStatusCode.ERROR)
    })

    test('a transaction is traced; what it aborts is never processed', async () => {
      const topic = await scratch.topic()
      const transactionalId = `tx-${topic}`
      const sender = await scratch.producer((made) => traceProducer(made), { transactionalId })
      const aborted = await sender.transaction()
      await aborted.send({ topic, messages: [{ value: 'aborted' }] })
      await aborted.abort()
      const committed = await sender.transaction()
      await committed.send({ topic, messages: [{ value: 'one' }] })
      await committed.sendBatch({ topicMessages: [{ topic, messages: [{ value: 'two' }] }] })
      await committed.commit()
      await expect(committed.send({ topic, messages: [{ value: 'late' }] })).rejects.toThrow(
        'Cannot continue',
      )
      const values: string[] = []
      await scratch.run(
        await consumer(),
        topic,
        async ({ message }) => void values.push(String(message.value)),
      )
      const processed = await spans(`process ${topic}`, 2)
      const [, one, two, late] = await spans(`send ${topic}`, 4)
      expect(values).toEqual(['one', 'two'])
      expect(processed.map((span) => span.parentSpanContext?.spanId)).toEqual([idOf(one), idOf(two)])
      expect(late?.attributes['error.type']).toBe('KafkaJSNonRetriableError')
    })
  })

  test("with OpenTelemetry's own instrumentation active there is one span a side, and the header is ours", async () => {
    const instrumentation = new KafkaJsInstrumentation()
    try {
      // It patches what is required after it.
      const { Kafka } = createRequire(import.meta.url)('kafkajs') as typeof import('kafkajs')
      const [topic, instrumented] = [await scratch.topic(), new Kafka(scratch.config)]
      const sender = await scratch.connected(
        traceProducer(instrumented.producer({ transactionalId: `tx-${topic}` })),
      )
      const made = instrumented.consumer({ groupId: scratch.groupId, maxWaitTimeInMs: 50 })
      expect(made).toHaveProperty('run.__wrapped', true)
      await sender.send({ topic, messages: [{ value: 'a' }, { value: 'b' }] })
      const transaction = await sender.transaction()
      await transaction.send({ topic, messages: [{ value: 'c' }] })
      await transaction.commit()
      await scratch.run(await scratch.connected(traceConsumer(made)), topic, () => Promise.resolve())
      const processed = await spans(`process ${topic}`, 3)
      const [sent, inTransaction] = await spans(`send ${topic}`, 2)
      const parents = processed.map((span) => span.parentSpanContext?.spanId)
      expect(parents).toEqual([sent, sent, inTransaction].map(idOf))
      const scopes = telemetry.recorder.spans.map((span) => span.instrumentationScope.name)
      expect(new Set(scopes)).toEqual(new Set(['@waybill/kafka']))
    } finally {
      instrumentation.disable()
    }
  })

  test('wrapping twice changes nothing', async () => {
    const topic = await scratch.topic()
    const sender = await producer()
    expect(traceProducer(sender)).toBe(sender)
    const reader = await consumer()
    expect(traceConsumer(reader)).toBe(reader)
    await sender.send({ topic, messages: [{ value: 'a' }] })
    await scratch.run(reader, topic, () => Promise.resolve())
    await spans(`process ${topic}`, 1)
    await spans(`send ${topic}`, 1)
  })

  describe('eachMessage', () => {
    test('a handler that fails twice: three siblings with their attempts, one wait', async () => {
      const topic = await scratch.topic()
      await (await producer()).send({ topic, messages: [{ value: 'a' }, { value: 'b' }] })
      const thrown = new Error('not yet')
      let calls = 0
      const reader = await consumer()
      await scratch.run(reader, topic, async () => {
        if (++calls <= 2) throw thrown
      })
      const [first, second, third, other] = await spans(`process ${topic}`, 4)
      const [sent] = named(`send ${topic}`)
      for (const span of [first, second, third, other])
        expect(span?.parentSpanContext?.spanId).toBe(idOf(sent))
      const attempts = [first, second, third, other].map(
        (span) => span?.attributes['waybill.delivery.attempt'],
      )
      expect(attempts).toEqual([1, 2, 3, 1])
      expect([first, second, third].map((span) => span?.attributes['waybill.transit.unknown'])).toEqual([
        undefined,
        'redelivered',
        'redelivered',
      ])
      expect(first?.attributes['waybill.transit.time']).toBeGreaterThan(0)
      expect(second?.attributes).not.toHaveProperty('waybill.transit.time')
      expect(second?.attributes['waybill.message.age']).toBeGreaterThan(0)
      expect([first, second, third].map((span) => span?.status.code)).toEqual([
        SpanStatusCode.ERROR,
        SpanStatusCode.ERROR,
        SpanStatusCode.UNSET,
      ])
      expect(named(`transit ${topic}`)).toHaveLength(2)
      const [transit] = await telemetry.series('waybill.transit.duration')
      expect(transit?.value).toMatchObject({ count: 2 })
    })

    test('a message seen again after seek is a replay: wait unknown, a new trace that links the old one', async () => {
      const topic = await scratch.topic()
      await (await producer()).send({ topic, messages: [{ value: 'a' }, { value: 'b' }] })
      const reader = await consumer()
      await scratch.run(reader, topic, () => Promise.resolve())
      await spans(`process ${topic}`, 2)
      reader.seek({ topic, partition: 0, offset: '0' })
      const replayed = (await spans(`process ${topic}`, 4)).slice(2)
      const [sent] = named(`send ${topic}`)
      for (const span of replayed) {
        expect(span.attributes['waybill.transit.unknown']).toBe('replayed')
        expect(span.attributes).not.toHaveProperty('waybill.delivery.attempt')
        expect(span.parentSpanContext).toBeUndefined()
        expect(span.links.map((link) => link.context.spanId)).toEqual([idOf(sent)])
      }
      const [transit] = await telemetry.series('waybill.transit.duration')
      expect(transit?.value).toMatchObject({ count: 2 })
    })

    test('run again after stop: the configuration is as it was, and there is one span a message', async () => {
      const topic = await scratch.topic()
      const sender = await producer()
      const reader = await consumer()
      const config = Object.freeze({ eachMessage: () => Promise.resolve() })
      await sender.send({ topic, messages: [{ value: 'a' }] })
      await scratch.run(reader, topic, config)
      await spans(`process ${topic}`, 1)
      await reader.stop()
      await sender.send({ topic, messages: [{ value: 'b' }] })
      await scratch.run(reader, topic, config)
      const [, second] = await spans(`process ${topic}`, 2)
      expect(second?.attributes['waybill.delivery.attempt']).toBe(1)
    })

    test('what comes again because it was not committed is redelivered, not new', async () => {
      const topic = await scratch.topic()
      await (await producer()).send({ topic, messages: [{ value: 'a' }] })
      const reader = await consumer()
      const config = { autoCommit: false, eachMessage: () => Promise.resolve() }
      await scratch.run(reader, topic, config)
      await spans(`process ${topic}`, 1)
      await reader.stop()
      await scratch.run(reader, topic, config)
      const [first, second] = await spans(`process ${topic}`, 2)
      expect(second?.attributes['waybill.transit.unknown']).toBe('redelivered')
      expect(second?.parentSpanContext?.spanId).toBe(first?.parentSpanContext?.spanId)
    })

    test.each([
      ['LogAppendTime', 'broker'],
      ['CreateTime', 'producer'],
    ] as const)(
      "without our header the record's %s counts, by the clock of the %s",
      async (timestampType, clock) => {
        const topic = await scratch.topic(timestampType)
        const bare = await scratch.producer()
        const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'
        const before = Date.now()
        await bare.send({ topic, messages: [{ value: 'a', headers: { traceparent } }] })
        await delay(30)
        let stamped = 0
        let reached = 0
        await scratch.run(await consumer(), topic, async ({ message }) => {
          reached = Date.now()
          stamped = Number(message.timestamp)
        })
        const [process] = await spans(`process ${topic}`, 1)
        const [transit] = await spans(`transit ${topic}`, 1)
        expect(transit?.attributes['waybill.transit.clock']).toBe(clock)
        expect(process?.attributes['waybill.transit.time']).toBeCloseTo((reached - stamped) / 1000, 2)
        expect(stamped).toBeGreaterThanOrEqual(before - 5)
      },
    )
  })

  describe('eachBatch', () => {
    test('one span that links every message; runMessage gives each its own trace and baggage', async () => {
      const topic = await scratch.topic()
      const sender = await producer()
      await withTenant('acme', () => sender.send({ topic, messages: [{ value: 'a' }] }))
      await withTenant('globex', () => sender.send({ topic, messages: [{ value: 'b' }] }))
      const seen: unknown[] = []
      let payloads: EachBatchPayload[] = []
      await scratch.run(await consumer(), topic, {
        eachBatchAutoResolve: false,
        eachBatch: async (payload) => {
          payloads = [...payloads, payload]
          seen.push(seenHere())
          for (const message of payload.batch.messages) {
            const value = await runMessage(message, async () => {
              await delay(2)
              seen.push(seenHere())
              return String(message.value)
            })
            expect(['a', 'b']).toContain(value)
            payload.resolveOffset(message.offset)
          }
        },
      })
      const [one, two, batch] = await spans(`process ${topic}`, 3)
      const sent = named(`send ${topic}`)
      expect(payloads[0]?.batch.firstOffset()).toBe('0')
      expect(batch?.parentSpanContext).toBeUndefined()
      expect(batch?.links.map((link) => link.context.spanId)).toEqual(sent.map(idOf))
      expect(batch?.attributes).toMatchObject({
        'messaging.batch.message_count': 2,
        'messaging.destination.partition.id': '0',
        'messaging.consumer.group.name': scratch.groupId,
      })
      expect([one, two].map((span) => span?.parentSpanContext?.spanId)).toEqual(sent.map(idOf))
      expect([one, two].map((span) => span?.attributes['kafka.offset'])).toEqual([0, 1])
      expect(seen).toEqual([
        { tenant: undefined, spanId: idOf(batch) },
        { tenant: 'acme', spanId: idOf(one) },
        { tenant: 'globex', spanId: idOf(two) },
      ])
      // The second message waits until the first is done; clocks are read in whole ms.
      const [, waited] = named(`transit ${topic}`)
      expect(seconds(waited?.endTime)).toBeGreaterThan(seconds(one?.endTime) - 0.001)
      expect(named(`transit ${topic}`)).toHaveLength(2)
    })

    test('a batch that fails comes again from where it was resolved: attempt 2, wait unknown', async () => {
      const topic = await scratch.topic()
      await (await producer()).send({ topic, messages: [{ value: 'a' }, { value: 'b' }, { value: 'c' }] })
      const batches: string[] = []
      await scratch.run(await consumer(), topic, {
        eachBatch: async (payload) => {
          const { batch } = payload
          batches.push(batch.messages.map(({ value }) => String(value)).join(''))
          for (const message of batch.messages) {
            await runMessage(message, async () => {
              if (batches.length === 1 && String(message.value) === 'b') throw new Error('not yet')
            })
            payload.resolveOffset(message.offset)
          }
        },
      })
      const all = await spans(`process ${topic}`, 6)
      expect(batches).toEqual(['abc', 'bc'])
      const [first, second] = all.filter((span) => span.parentSpanContext === undefined)
      expect(first?.status.code).toBe(SpanStatusCode.ERROR)
      expect(second?.links.map((link) => link.attributes)).toEqual([
        { 'waybill.delivery.attempt': 2 },
        { 'waybill.delivery.attempt': 2 },
      ])
      const own = all.filter((span) => span.parentSpanContext !== undefined)
      const summary = own.map(({ attributes }) => [
        attributes['kafka.offset'],
        attributes['waybill.delivery.attempt'],
      ])
      expect(summary).toEqual([
        [0, 1],
        [1, 1],
        [1, 2],
        [2, 2],
      ])
      const [transit] = await telemetry.series('waybill.transit.duration')
      expect(transit?.value).toMatchObject({ count: 3 })
    })
  })
})
