import { context, SpanKind, trace } from '@opentelemetry/api'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { installSdk, type TestTelemetry } from '../../../integration-tests/telemetry.ts'
import { traceProducer } from '../src/index.ts'
import { deepFreeze, fakeProducer, TRACEPARENT } from './fakes.ts'

describe('a traced producer', () => {
  let telemetry: TestTelemetry
  beforeEach(() => {
    telemetry = installSdk()
  })
  afterEach(async () => {
    expect(telemetry.recorder.open).toEqual([])
    await telemetry.uninstall()
  })

  test('writes into copies: deep-frozen arguments work, and can be sent again', async () => {
    const producer = traceProducer(fakeProducer())
    const given = deepFreeze({
      topic: 'orders',
      acks: 1,
      messages: [
        { key: 'k', value: 'v', partition: 2, timestamp: '1', headers: { a: ['b', Buffer.from('c')] } },
      ],
    })
    await producer.send(given as never)
    await producer.sendBatch(deepFreeze({ acks: 0, topicMessages: [given] }) as never)
    expect(Object.keys(given.messages[0]?.headers ?? {})).toEqual(['a'])
    for (const sent of producer.sent) {
      expect(sent).toMatchObject(given)
      expect(Object.keys(sent.messages[0]?.headers ?? {})).toEqual(['a', 'traceparent', 'waybill'])
    }
  })

  test('headers: only own ones, context in any letter case replaced, other values untouched', async () => {
    const producer = traceProducer(fakeProducer())
    const headers = Object.assign(Object.create({ inherited: 'x' }), {
      Waybill: 'sent=1',
      Baggage: '',
      n: Buffer.from([0xff]),
    })
    await producer.send({ topic: 'orders', messages: [{ value: 'v', headers }] })
    const sent = producer.sent[0]?.messages[0]?.headers
    expect(Object.keys(sent ?? {})).toEqual(['Baggage', 'n', 'traceparent', 'waybill'])
    expect(sent?.['n']).toBe(headers.n)
  })

  test("the application's own traceparent stays and is linked", async () => {
    const producer = traceProducer(fakeProducer())
    const messages = [{ value: 'v', headers: { traceparent: TRACEPARENT } }, { value: 'w' }]
    await producer.send({ topic: 'orders', messages })
    const [own, ours] = producer.sent[0]?.messages ?? []
    expect(own?.headers?.['traceparent']).toBe(TRACEPARENT)
    const [span] = telemetry.recorder.spans
    expect(ours?.headers?.['traceparent']).toContain(span?.spanContext().spanId)
    expect(span?.links.map((link) => link.context.spanId)).toEqual(['b7ad6b7169203331'])
  })

  const messages = [{ value: 'a' }]
  const at = (topicName: string, partition: number, baseOffset = '7') => ({
    topicName,
    partition,
    baseOffset,
    errorCode: 0,
  })
  test.each([
    ['one message', [{ topic: 'o', messages }], [at('o', 3)], [['3', 7]]],
    [
      'several in one partition',
      [{ topic: 'o', messages: [...messages, ...messages] }],
      [at('o', 3)],
      [['3', undefined]],
    ],
    [
      'several partitions',
      [{ topic: 'o', messages: [...messages, ...messages] }],
      [at('o', 3), at('o', 4)],
      [[undefined, undefined]],
    ],
    [
      'two topics',
      [
        { topic: 'o', messages },
        { topic: 'p', messages },
      ],
      [at('p', 1, '0'), at('o', 3)],
      [
        ['3', 7],
        ['1', 0],
      ],
    ],
    [
      'one topic twice',
      [
        { topic: 'o', messages },
        { topic: 'o', messages },
      ],
      [at('o', 3)],
      [
        ['3', undefined],
        ['3', undefined],
      ],
    ],
    ['no acknowledgement', [{ topic: 'o', messages }], [], [[undefined, undefined]]],
    ['an offset that is none', [{ topic: 'o', messages }], [at('o', 3, '-1')], [['3', undefined]]],
    ['rubbish', [{ topic: 'o', messages }], [null, 7], [[undefined, undefined]]],
    ['nothing', [{ topic: 'o', messages }], undefined, [[undefined, undefined]]],
  ])('partition and offset of %s', async (_, topicMessages, answer, expected) => {
    await traceProducer(fakeProducer(answer)).sendBatch({ topicMessages })
    const places = telemetry.recorder.spans.map(({ attributes }) => [
      attributes['messaging.destination.partition.id'],
      attributes['kafka.offset'],
    ])
    expect(places).toEqual(expected)
  })

  test('a call that fails: the very same error, the fault in the words of the broker', async () => {
    const cause = Object.assign(new Error('no'), {
      name: 'KafkaJSProtocolError',
      type: 'NOT_LEADER_FOR_PARTITION',
    })
    const error = Object.assign(new Error('no', { cause }), { name: 'KafkaJSNumberOfRetriesExceeded' })
    const producer = traceProducer({
      ...fakeProducer(),
      send: (record: object) => Promise.reject(Object.assign(error, { record })),
    })
    await expect(producer.send({ topic: 'orders', messages: [{ value: 'v' }] })).rejects.toBe(error)
    const [span] = telemetry.recorder.spans
    expect(span?.attributes['error.type']).toBe('NOT_LEADER_FOR_PARTITION')
  })

  test('a client whose sendBatch calls its own send, with private fields: one span an entry', async () => {
    class Confluent {
      readonly #sent: object[] = []
      get sent() {
        return this.#sent
      }
      send(record: object): Promise<unknown> {
        this.#sent.push(record)
        return Promise.resolve([])
      }
      async sendBatch(batch: { topicMessages: object[] }): Promise<unknown> {
        return Promise.all(batch.topicMessages.map((entry) => this.send(entry)))
      }
      transaction(): Promise<this> {
        return Promise.resolve(this)
      }
      on(): never {
        throw new Error('Not implemented')
      }
    }
    const producer = traceProducer(new Confluent())
    await producer.sendBatch({
      topicMessages: [
        { topic: 'o', messages },
        { topic: 'p', messages },
      ],
    })
    const transaction = await producer.transaction()
    expect(transaction).toBe(producer)
    await transaction.send({ topic: 'q', messages })
    expect(telemetry.recorder.spans.map(({ name }) => name)).toEqual(['send o', 'send p', 'send q'])
    expect(producer.sent).toHaveLength(3)
    expect(telemetry.warnings).toEqual([])
  })

  test('a producer that is auto-instrumented: its span is held back, and it is said once', async () => {
    const producer = fakeProducer()
    const original = producer.send
    const instrumented = Object.assign(
      (record: Parameters<typeof original>[0]) => {
        const span = trace.getTracer('theirs').startSpan('theirs', { kind: SpanKind.PRODUCER })
        return context
          .with(trace.setSpan(context.active(), span), () => original(record))
          .finally(() => {
            span.end()
          })
      },
      { __wrapped: true, __original: original },
    )
    producer.send = instrumented
    traceProducer(producer)
    await producer.send({ topic: 'orders', messages: [{ value: 'v' }] })
    expect(telemetry.recorder.spans.map(({ name }) => name)).toEqual(['send orders'])
    expect(
      telemetry.warnings.filter((line) => line.includes('@opentelemetry/instrumentation-kafkajs')),
    ).toHaveLength(1)
  })

  test('with no SDK the client gets the very arguments of the caller', async () => {
    await telemetry.uninstall()
    const producer = traceProducer(fakeProducer())
    const given = { topic: 'orders', messages: [{ value: 'v' }] }
    await producer.send(given)
    await producer.sendBatch({ topicMessages: [given] })
    expect(producer.sent[0]).toBe(given)
    expect(producer.sent[1]).toBe(given)
  })
})
