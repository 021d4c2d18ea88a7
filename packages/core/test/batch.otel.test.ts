import { context, propagation, trace } from '@opentelemetry/api'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { installSdk, type TestTelemetry } from '../../../integration-tests/telemetry.ts'
import { processBatch, type BatchParent } from '../src/batch.ts'
import { adapter, delivered } from './scenario.ts'

let clock = Date.now()
const now = (): number => clock
const message = (i: number, flags = '01') =>
  delivered({
    traceparent: `00-${String(i).padStart(32, 'a')}-${String(i).padStart(16, 'b')}-${flags}`,
    baggage: `n=${i}`,
    waybill: `sent=${clock - 100};origin=${clock - 100}`,
  })
const batchOf = (messages: ReturnType<typeof message>[]) => ({
  operation: 'process',
  destination: { name: 'jobs' },
  group: 'g',
  messages,
})

describe('a batch', () => {
  let telemetry: TestTelemetry
  beforeEach(() => {
    telemetry = installSdk()
  })
  afterEach(async () => {
    expect(telemetry.recorder.open).toEqual([])
    await telemetry.uninstall()
  })
  const batchSpan = () =>
    telemetry.recorder.spans.find((s) => s.attributes['messaging.batch.message_count'] !== undefined)!

  test('is one root span that links every message, with its wait and attempt on the link', () => {
    processBatch(adapter({ now }), batchOf([message(1), message(2)]), () => undefined)
    expect(batchSpan().parentSpanContext).toBeUndefined()
    expect(batchSpan().attributes).toMatchObject({
      'messaging.batch.message_count': 2,
      'messaging.consumer.group.name': 'g',
    })
    expect(batchSpan().links.map((link) => [link.context.spanId, link.attributes])).toEqual(
      [1, 2].map((i) => [
        String(i).padStart(16, 'b'),
        { 'waybill.delivery.attempt': 1, 'waybill.transit.time': 0.1 },
      ]),
    )
  })

  test('links sampled messages first, up to maxLinks, and tells how many it left out', () => {
    const messages = [message(1, '00'), message(2), message(3, '00'), message(4)]
    processBatch(adapter({ now, maxLinks: 3 }), batchOf(messages), () => undefined)
    expect(batchSpan().links.map((link) => link.context.traceId.replaceAll('a', ''))).toEqual(['2', '4', '1'])
    expect(batchSpan().attributes['waybill.links.omitted']).toBe(1)
  })

  test('links at most 128 by default, the limit of the SDK', () => {
    processBatch(adapter(), batchOf(Array.from({ length: 500 }, (_, i) => message(i + 1))), () => undefined)
    expect(batchSpan().links).toHaveLength(128)
    expect(batchSpan().attributes['waybill.links.omitted']).toBe(372)
  })

  test('runs one message in its own span, context and baggage; its wait then ends there', async () => {
    const seen = processBatch(adapter({ now }), batchOf([message(1), message(2)]), (batch) => {
      clock += 50
      return batch!.run(1, () => ({
        traceId: trace.getSpanContext(context.active())?.traceId,
        n: propagation.getActiveBaggage()?.getEntry('n')?.value,
      }))
    })
    expect(seen).toEqual({ traceId: '2'.padStart(32, 'a'), n: '2' })
    const own = telemetry.recorder.spans.filter(
      (s) => s.name === 'process jobs' && s.parentSpanContext !== undefined,
    )
    expect(own.map((s) => s.parentSpanContext?.spanId)).toEqual(['2'.padStart(16, 'b')])
    expect(own[0]?.attributes['waybill.transit.time']).toBe(0.15)
    const [transit] = await telemetry.series('waybill.transit.duration')
    expect(transit?.value).toMatchObject({ count: 2, min: 0.1, max: 0.15 })
    const consumed = await telemetry.series('messaging.client.consumed.messages')
    expect(consumed.reduce((sum, series) => sum + (series.value as number), 0)).toBe(2)
  })

  test('counts a message once, however often and however late it is run', async () => {
    let late: (() => unknown) | undefined
    processBatch(adapter({ now }), batchOf([message(1), message(2)]), (batch) => {
      for (let run = 0; run < 3; run++) batch!.run(0, () => undefined)
      late = () => batch!.run(1, () => undefined)
    })
    late?.()
    const own = telemetry.recorder.spans.filter(
      (s) => s.name === 'process jobs' && s.parentSpanContext !== undefined,
    )
    expect(own.map((s) => s.attributes['waybill.delivery.attempt'])).toEqual([1, 2, 3, 1])
    expect(own.map((s) => s.attributes['waybill.transit.time'])).toEqual([
      0.1,
      undefined,
      undefined,
      undefined,
    ])
    const [transit] = await telemetry.series('waybill.transit.duration')
    expect(transit?.value).toMatchObject({ count: 2 })
    const consumed = await telemetry.series('messaging.client.consumed.messages')
    expect(consumed.reduce((sum, series) => sum + (series.value as number), 0)).toBe(2)
  })

  describe('parent', () => {
    const parentWith = (
      parent: BatchParent | undefined,
      messages: ReturnType<typeof message>[],
      options = {},
    ) => {
      processBatch(adapter({ now, ...options }), { ...batchOf(messages), parent }, () => undefined)
      const span = telemetry.recorder.spans.findLast(
        ({ attributes }) => attributes['messaging.batch.message_count'] !== undefined,
      )
      expect(span?.links).toHaveLength(messages.length)
      return span?.parentSpanContext?.spanId?.replaceAll('b', '')
    }
    test('none by default; the first message by option, if it is believed', () => {
      expect(parentWith(undefined, [message(1), message(1)])).toBeUndefined()
      expect(parentWith('first', [message(1), message(2)])).toBe('1')
      expect(parentWith('first', [message(1), message(2)], { trust: 'link' })).toBeUndefined()
      expect(parentWith('first', [message(1), message(2)], { relation: 'link' })).toBeUndefined()
      expect(parentWith('first', [])).toBeUndefined()
    })

    test('the common one by option, if there is one', () => {
      expect(parentWith('common', [message(2), message(2)])).toBe('2')
      expect(parentWith('common', [message(2), message(3)])).toBeUndefined()
    })
  })

  test('that fails is an error, and its messages are counted', async () => {
    await expect(
      processBatch(adapter(), batchOf([message(1), message(2)]), () => Promise.reject(new Error('x'))),
    ).rejects.toThrow('x')
    expect(batchSpan().attributes['error.type']).toBe('Error')
    const [consumed] = await telemetry.series('messaging.client.consumed.messages')
    expect(consumed).toMatchObject({ value: 2, attributes: { 'error.type': 'Error' } })
    const [duration] = await telemetry.series('messaging.process.duration')
    expect(duration?.value).toMatchObject({ count: 1 })
  })
})
