import { SpanKind, trace } from '@opentelemetry/api'
import { metricRecorder, type MetricRecorder } from '@waybill/core/testing'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { installSdk, type TestTelemetry } from '../../../integration-tests/telemetry.ts'
import {
  runMessage,
  traceConsumer,
  traceHandler,
  type BatchPayload,
  type MessagePayload,
} from '../src/index.ts'
import { deepFreeze, fakeConsumer, record } from './fakes.ts'

const payload = (offset = 0): MessagePayload => ({ topic: 'orders', partition: 3, message: record(offset) })

describe('a traced consumer', () => {
  let telemetry: TestTelemetry
  beforeEach(() => {
    telemetry = installSdk()
  })
  afterEach(async () => {
    expect(telemetry.recorder.open).toEqual([])
    await telemetry.uninstall()
  })
  const names = (): string[] =>
    telemetry.recorder.spans.filter(({ name }) => !name.startsWith('transit')).map(({ name }) => name)

  /** Runs handlers on a traced consumer and gives back what the client was told to call. */
  async function running(config: object, consumer = traceConsumer(fakeConsumer())) {
    await consumer.run(config as never)
    const { eachMessage, eachBatch } = consumer.config ?? {}
    return {
      consumer,
      eachMessage: eachMessage as (payload: unknown, ...rest: unknown[]) => unknown,
      eachBatch: eachBatch as (payload: unknown) => unknown,
    }
  }

  test('hands over the very payload, `this` and further arguments', async () => {
    const seen: unknown[] = []
    const { eachMessage } = await running({
      eachMessage(this: unknown, ...args: unknown[]) {
        seen.push(this, ...args)
      },
    })
    const [runner, given, more] = [
      {},
      deepFreeze({ ...payload(), message: { ...record(0), value: null } }),
      {},
    ]
    eachMessage.call(runner, given, more)
    expect(seen[0]).toBe(runner)
    expect(seen[1]).toBe(given)
    expect(seen[2]).toBe(more)
    expect(telemetry.recorder.spans.at(-1)?.attributes['kafka.message.tombstone']).toBe(true)
  })

  test.each([
    ['an error', new Error('x')],
    ['a string', 'x'],
    ['undefined', undefined],
    ['null', null],
  ])('throws and rejects with what the handler threw: %s', async (_, thrown) => {
    const sync = await running({
      eachMessage: () => {
        throw thrown
      },
    })
    let caught: unknown = 'nothing'
    try {
      sync.eachMessage(payload())
    } catch (error) {
      caught = error
    }
    expect(caught).toBe(thrown)
    const rejects = await running({ eachMessage: () => Promise.reject(thrown) })
    caught = await (rejects.eachMessage(payload()) as Promise<unknown>).then(
      () => 'nothing',
      (error: unknown) => error,
    )
    expect(caught).toBe(thrown)
    expect(names()).toEqual(['process orders', 'process orders'])
  })

  test('gives the client the promise of the handler: it settles only when the handler has', async () => {
    const handled = Promise.withResolvers<string>()
    const { eachMessage } = await running({ eachMessage: () => handled.promise })
    const result = eachMessage(payload()) as Promise<string>
    expect(names()).toEqual([])
    handled.resolve('done')
    await expect(result).resolves.toBe('done')
    expect(names()).toEqual(['process orders'])
  })

  test.each([
    [undefined],
    [{}],
    [{ eachMessage: undefined, autoCommit: false }],
    [{ eachBatch: 7 }],
    ['rubbish'],
  ])('passes a run configuration without handlers on: %j', async (config) => {
    const consumer = traceConsumer(fakeConsumer())
    await consumer.run(config as never)
    expect(consumer.config).toEqual(config)
  })

  test('passes a payload that it cannot read on', async () => {
    let calls = 0
    const count = () => ++calls
    const { eachMessage, eachBatch } = await running({ eachMessage: count, eachBatch: count })
    expect([eachMessage(undefined), eachMessage({}), eachBatch({}), eachBatch({ batch: {} })]).toEqual([
      1, 2, 3, 4,
    ])
    expect(names()).toEqual([])
  })

  test.each([
    ['0', 0, 'no_timestamp'],
    ['-1', 0, 'no_timestamp'],
    ['', 0, 'no_timestamp'],
    ['rubbish', 1, 'no_timestamp'],
    ['1000000000000', 0, 'no_timestamp'],
    [undefined, 0, 'no_timestamp'],
    ['now', 0, 'producer'],
    ['now', 1, 'broker'],
    ['now', -1, undefined],
    ['now', undefined, undefined],
  ])('timestamp %o of type %o', async (timestamp, timestampType, expected) => {
    const { eachMessage } = await running({ eachMessage: () => undefined })
    const time = timestamp === 'now' ? String(Date.now() - 50) : timestamp
    const message = record(0, {
      timestamp: time as string,
      batchContext: { timestampType: timestampType as number },
    })
    eachMessage({ ...payload(), message })
    const process = telemetry.recorder.spans.find(({ name }) => name === 'process orders')
    const transit = telemetry.recorder.spans.find(({ name }) => name === 'transit orders')
    if (expected === 'no_timestamp') expect(process?.attributes['waybill.transit.unknown']).toBe(expected)
    else expect(transit?.attributes['waybill.transit.clock']).toBe(expected)
    expect(transit === undefined).toBe(expected === 'no_timestamp')
  })

  describe('learns who the client is', () => {
    test('from its events', async () => {
      const { consumer, eachMessage } = await running({ eachMessage: () => undefined })
      consumer.emit('consumer.group_join', { groupId: 'billing', memberAssignment: { orders: [3] } })
      consumer.emit('consumer.network.request', { clientId: 'app', broker: 'kafka-1:9092', apiName: 'Fetch' })
      consumer.emit('consumer.network.request', {
        clientId: 'app',
        broker: 'kafka-2:9092',
        apiName: 'Heartbeat',
      })
      eachMessage(payload())
      expect(telemetry.recorder.spans.at(-1)?.attributes).toMatchObject({
        'messaging.consumer.group.name': 'billing',
        'messaging.client.id': 'app',
        'server.address': 'kafka-1',
        'server.port': 9092,
        'messaging.destination.partition.id': '3',
      })
    })

    test('and survives events that say nothing', async () => {
      const { consumer, eachMessage } = await running({ eachMessage: () => undefined })
      for (const rubbish of [
        undefined,
        null,
        7,
        {},
        { broker: 7, apiName: 'Fetch', memberAssignment: { a: { b: 'c' } } },
        Object.defineProperty({}, 'clientId', { get: () => expect.unreachable() }),
      ]) {
        consumer.emit('consumer.group_join', rubbish)
        consumer.emit('consumer.network.request', rubbish)
      }
      eachMessage(payload())
      expect(names()).toEqual(['process orders'])
    })

    test('from the option, where it has no events', async () => {
      const on = () => {
        throw new Error('Not implemented')
      }
      const consumer = traceConsumer(
        {
          ...fakeConsumer(),
          on,
          run: (config: { eachMessage: (payload: object) => void }) =>
            Promise.resolve(config.eachMessage(payload())),
        },
        { group: 'told' },
      )
      await consumer.run({ eachMessage: () => undefined })
      expect(telemetry.recorder.spans.at(-1)?.attributes['messaging.consumer.group.name']).toBe('told')
      expect(telemetry.warnings).toEqual([])
    })
  })

  test('a consumer that is auto-instrumented: its own method is called instead', async () => {
    const consumer = fakeConsumer()
    const original = consumer.run
    const instrumented = ({ eachMessage }: { eachMessage: (payload: never) => unknown }) =>
      original({
        eachMessage: (message) => {
          trace.getTracer('theirs').startSpan('theirs', { kind: SpanKind.CONSUMER, root: true }).end()
          return eachMessage(message)
        },
      })
    consumer.run = Object.assign(instrumented, { __wrapped: true, __original: original }) as never
    const { eachMessage } = await running({ eachMessage: () => undefined }, traceConsumer(consumer))
    eachMessage(payload())
    expect(names()).toEqual(['process orders'])
    expect(
      telemetry.warnings.filter((line) => line.includes('@opentelemetry/instrumentation-kafkajs')),
    ).toHaveLength(1)
  })

  describe('eachBatch', () => {
    const batch = (offsets: number[]): BatchPayload => ({
      batch: { topic: 'orders', partition: 3, messages: offsets.map((offset) => record(offset)) },
    })
    const attempts = () =>
      telemetry.recorder.spans
        .filter(({ name }) => name === 'process orders')
        .flatMap(({ links }) => links.map((link) => link.attributes?.['waybill.delivery.attempt']))

    test('whose handler succeeds: its messages are done', async () => {
      const { eachBatch } = await running({ eachBatch: () => undefined })
      eachBatch(batch([0, 1]))
      eachBatch(batch([1]))
      expect(attempts()).toEqual([1, 1, undefined])
    })

    test('that resolves by hand: what comes again has been seen', async () => {
      const { eachBatch } = await running({ eachBatch: () => undefined, eachBatchAutoResolve: false })
      eachBatch(batch([0, 1]))
      eachBatch(batch([1, 2]))
      expect(attempts()).toEqual([1, 1, 2, 1])
    })

    test('is a child of the send that all its messages come from, by option', async () => {
      const { eachBatch } = await running(
        { eachBatch: () => undefined },
        traceConsumer(fakeConsumer(), { batchParent: 'common' }),
      )
      eachBatch(batch([0, 1]))
      expect(telemetry.recorder.spans.at(-1)?.parentSpanContext?.spanId).toBe('b7ad6b7169203331')
    })

    test('links no more than maxLinks, and says how many it left out', async () => {
      const { eachBatch } = await running(
        { eachBatch: () => undefined },
        traceConsumer(fakeConsumer(), { maxLinks: 2 }),
      )
      eachBatch(batch([0, 1, 2, 3, 4]))
      const [span] = telemetry.recorder.spans
      expect(span?.links).toHaveLength(2)
      expect(span?.attributes['waybill.links.omitted']).toBe(3)
    })
  })

  describe('the lag', () => {
    const lagOf = async (metrics: MetricRecorder) =>
      (await metrics.observe('waybill.consumer.lag')).map(({ value, attributes }) => [
        attributes['messaging.destination.partition.id'],
        value,
      ])

    test('is what kafkajs tells, of the partitions that are assigned, until the consumer stops', async () => {
      const metrics = metricRecorder()
      const consumer = traceConsumer(fakeConsumer(), { meterProvider: metrics })
      for (const [partition, offsetLag] of [
        [0, '7'],
        [1, '0'],
        [2, '-1'],
      ])
        consumer.emit('consumer.start_batch_process', { topic: 'orders', partition, offsetLag })
      expect(await lagOf(metrics)).toEqual([
        ['0', 7],
        ['1', 0],
      ])
      consumer.emit('consumer.group_join', { groupId: 'g', memberAssignment: { orders: [1] } })
      expect(await lagOf(metrics)).toEqual([['1', 0]])
      consumer.emit('consumer.stop')
      expect(await lagOf(metrics)).toEqual([])
    })

    test("is what a batch of Confluent's client tells, until it is disconnected", async () => {
      const metrics = metricRecorder()
      let disconnected = 0
      const client = Object.assign(fakeConsumer(), {
        on: (): never => {
          throw new Error('Not implemented')
        },
        disconnect: () => Promise.resolve(++disconnected),
        _getInternalClient: () => ({ globalConfig: { 'group.id': 'g', 'client.id': 'app' } }),
      })
      const consumer = traceConsumer(client, { meterProvider: metrics })
      const { eachBatch } = await running({ eachBatch: () => undefined }, consumer as never)
      eachBatch({ batch: { topic: 'orders', partition: 3, messages: [record(0)], offsetLag: () => '9' } })
      expect(await lagOf(metrics)).toEqual([['3', 9]])
      expect(telemetry.recorder.spans.at(-1)?.attributes['messaging.consumer.group.name']).toBe('g')
      expect(await consumer.disconnect()).toBe(1)
      expect(await lagOf(metrics)).toEqual([])
    })

    test('is not asked for where it is switched off', async () => {
      const metrics = metricRecorder()
      const consumer = traceConsumer(fakeConsumer(), { meterProvider: metrics, lag: false })
      consumer.emit('consumer.start_batch_process', { topic: 'orders', partition: 0, offsetLag: '7' })
      expect(await lagOf(metrics)).toEqual([])
    })
  })

  describe('runMessage', () => {
    test('simply runs what it does not know', () => {
      expect(runMessage(record(0), () => 'ran')).toBe('ran')
      expect(() =>
        runMessage({}, () => {
          throw 'x'
        }),
      ).toThrow('x')
      expect(names()).toEqual([])
    })

    test('a retry inside the handler is the next attempt of the same delivery', async () => {
      const { eachBatch } = await running({
        eachBatch: ({ batch: { messages } }: BatchPayload) => {
          for (let i = 0; i < 2; i++) runMessage(messages[0] as object, () => undefined)
        },
      })
      eachBatch({ batch: { topic: 'orders', partition: 3, messages: [record(0)] } })
      const own = telemetry.recorder.spans.filter(
        ({ attributes }) => attributes['kafka.offset'] !== undefined,
      )
      expect(own.map(({ attributes }) => attributes['waybill.delivery.attempt'])).toEqual([1, 2])
      expect(telemetry.recorder.spans.filter(({ name }) => name === 'transit orders')).toHaveLength(1)
    })
  })

  describe('traceHandler', () => {
    test('takes messages and batches, and tells what it is told', () => {
      const handle = traceHandler((given: MessagePayload | BatchPayload) => given, {
        group: 'billing',
        clientId: 'app',
      })
      const [message, batch] = [
        payload(),
        { batch: { topic: 'orders', partition: 3, messages: [record(1)] } },
      ]
      expect(handle(message)).toBe(message)
      expect(handle(batch)).toBe(batch)
      expect(names()).toEqual(['process orders', 'process orders'])
      for (const { name, attributes } of telemetry.recorder.spans) {
        expect(attributes['messaging.consumer.group.name']).toBe('billing')
        if (name.startsWith('process')) expect(attributes['messaging.client.id']).toBe('app')
      }
    })

    test('twice, or given to a traced consumer: one span', async () => {
      const handle = traceHandler(({ topic }: MessagePayload) => topic)
      expect(traceHandler(handle)).toBe(handle)
      const { eachMessage } = await running({ eachMessage: handle })
      expect(eachMessage).toBe(handle)
      expect(eachMessage(payload())).toBe('orders')
      expect(names()).toEqual(['process orders'])
    })
  })
})
