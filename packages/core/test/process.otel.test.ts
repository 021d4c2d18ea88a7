import { context, INVALID_SPAN_CONTEXT, propagation, trace } from '@opentelemetry/api'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { installSdk, type TestTelemetry } from '../../../integration-tests/telemetry.ts'
import { journeyOf } from '../src/journey.ts'
import { process } from '../src/process.ts'
import { adapter, delivered, SPAN_ID, TRACE_ID, TRACEPARENT } from './scenario.ts'

const NOW = Date.now()
const now = (): number => NOW
const sentAgo = (ms: number, more = ''): object => ({
  traceparent: TRACEPARENT,
  waybill: `sent=${NOW - ms};origin=${NOW - 2 * ms}${more}`,
})

describe('process', () => {
  let telemetry: TestTelemetry
  beforeEach(() => {
    telemetry = installSdk()
  })
  afterEach(async () => {
    vi.useRealTimers()
    expect(telemetry.recorder.open).toEqual([])
    await telemetry.uninstall()
  })
  const names = () => telemetry.recorder.spans.map((span) => span.name)
  const span = (name: string) => telemetry.recorder.spans.find((s) => s.name.startsWith(name))!

  test('transit and process are siblings under the creation context', () => {
    process(adapter({ now }), delivered(sentAgo(300)), () => undefined)
    expect(names()).toEqual(['transit jobs', 'process jobs'])
    for (const { parentSpanContext } of telemetry.recorder.spans)
      expect(parentSpanContext?.spanId).toBe(SPAN_ID)
    expect(span('transit').attributes).toEqual({
      'messaging.system.name': 'test',
      'messaging.system': 'test',
      'messaging.operation.name': 'transit',
      'messaging.destination.name': 'jobs',
      'waybill.transit.time': 0.3,
      'waybill.transit.clock': 'producer',
      'waybill.delivery.attempt': 1,
    })
    expect(span('process').attributes).toMatchObject({
      'waybill.transit.time': 0.3,
      'waybill.delivery.attempt': 1,
    })
  })

  test('the wait ends where the process span starts, however long judging the message took', () => {
    vi.useFakeTimers({ now: NOW, toFake: ['Date'] })
    const trust = (): 'continue' => {
      vi.setSystemTime(NOW + 20)
      return 'continue'
    }
    process(adapter({ trust }), delivered(sentAgo(300)), () => undefined)
    expect(span('transit').endTime).toEqual(span('process').startTime)
    expect(span('process').attributes).toMatchObject({ 'waybill.transit.time': 0.32 })
  })

  test.each([
    ['below minMs', { transitSpan: { minMs: 301 } }, {}],
    ['above maxMs', { transitSpan: { maxMs: 299 } }, {}],
    ['switched off', { transitSpan: { enabled: false } }, {}],
    ['not sampled', {}, { traceparent: TRACEPARENT.replace(/01$/, '00') }],
    ['without a context', {}, { traceparent: 'x' }],
  ])('no transit span %s, but the wait is in the histogram', async (_why, options, headers) => {
    process(adapter({ now, ...options }), delivered({ ...sentAgo(300), ...headers }), () => undefined)
    expect(names()).not.toContain('transit jobs')
    const [series] = await telemetry.series('waybill.transit.duration')
    expect(series?.value).toMatchObject({ count: 1, sum: 0.3 })
  })

  test('a coarse wait is marked, in the histogram too; the age is told besides', async () => {
    const coarse = { times: [{ at: NOW - 2000, resolution: 1000 }], agedFrom: ['sent'] } as const
    process(adapter({ now }), delivered(sentAgo(5000), coarse), () => undefined)
    expect(span('transit').attributes).toMatchObject({ 'waybill.transit.resolution': 1 })
    expect(span('process').attributes).toMatchObject({
      'waybill.transit.time': 2,
      'waybill.transit.resolution': 1,
      'waybill.message.age': 5,
    })
    process(adapter({ now }), delivered(sentAgo(300)), () => undefined)
    const series = await telemetry.series('waybill.transit.duration')
    expect(series.map(({ attributes }) => attributes['waybill.transit.resolution'])).toEqual([1, undefined])
  })

  test.each([
    [true, { 'messaging.message.receive.latency': 300, 'messaging.message.retry.count': 2 }],
    [false, {}],
  ])('aliases: %s', (aliases, expected) => {
    process(adapter({ now, aliases }), delivered(sentAgo(300), { attempt: 3 }), () => undefined)
    const { attributes } = span('process')
    const found = Object.entries(attributes).filter(([name]) => /receive\.latency|retry\.count/.test(name))
    expect(Object.fromEntries(found)).toEqual(expected)
  })

  describe('the parts of the wait', () => {
    const [at, sent] = [1_700_000_000_000, 1_699_999_999_700]
    const split = (headers: object, more: Partial<Parameters<typeof process>[1]> = {}, options = {}) => {
      const asked: unknown[] = []
      const stages = (waybill: object) => {
        asked.push(waybill)
        return { stored: sent + 100, fetched: at - 50 }
      }
      process(
        adapter({ now: () => at, ...options }),
        delivered(headers, { stages, ...more }),
        () => undefined,
      )
      const found = Object.entries(telemetry.recorder.spans.at(-1)?.attributes ?? {})
        .filter(([name]) => name.endsWith('_wait'))
        .map(([name, value]) => [name.split('.').at(-1), value])
      return { asked, found: Object.fromEntries(found) as object }
    }
    const headers = { traceparent: TRACEPARENT, waybill: `sent=${sent};origin=${sent};op=late` }

    test('are on the process span, and the adapter is told what the producer wrote', () => {
      const { asked, found } = split(headers)
      expect(found).toEqual({ client_wait: 0.1, broker_wait: 0.15, local_wait: 0.05 })
      expect(asked).toEqual([{ sent, origin: sent, op: 'late' }])
    })

    test('of an untrusted message leave out what only its sender says', () => {
      const { asked, found } = split(headers, { times: [{ at: sent }] }, { trust: 'link' })
      expect(found).toEqual({ broker_wait: 0.15, local_wait: 0.05 })
      expect(asked).toEqual([{}])
    })

    test.each([
      ['redelivered', { unknown: 'redelivered' as const }],
      ['received already', { received: true }],
    ])('are not given of a message that was %s', (_, more) => {
      expect(split(headers, more).found).toEqual({})
    })

    test('are given of clocks that disagree, as far as they are certain', () => {
      const ahead = { ...headers, waybill: `sent=${at + 500}` }
      expect(split(ahead).found).toEqual({ broker_wait: 0.15, local_wait: 0.05 })
    })

    test('are not asked for where the span is not recorded; a fault in them harms nothing', async () => {
      const thrower = () => {
        throw new Error('stages')
      }
      process(adapter(), delivered(headers, { stages: thrower }), () => undefined)
      expect(telemetry.recorder.spans.filter(({ name }) => name === 'process jobs')).toHaveLength(1)
      await telemetry.uninstall()
      telemetry = installSdk({ sampled: false })
      expect(split(headers).asked).toEqual([])
    })
  })

  test('by default a wait below 1 ms gets no span', () => {
    process(adapter({ now }), delivered(sentAgo(0)), () => undefined)
    expect(names()).toEqual(['process jobs'])
  })

  test('a known delay is told apart', () => {
    process(
      adapter({ now }),
      delivered(sentAgo(600), { due: NOW - 100, scheduledDelay: 500 }),
      () => undefined,
    )
    expect(span('transit').attributes).toMatchObject({
      'waybill.transit.time': 0.1,
      'waybill.transit.scheduled_delay': 0.5,
    })
  })

  test('an unknown wait: reason and age, no span, no point', async () => {
    process(
      adapter({ now }),
      delivered(sentAgo(300), { unknown: 'redelivered', attempt: 2 }),
      () => undefined,
    )
    expect(names()).toEqual(['process jobs'])
    expect(span('process').attributes).toMatchObject({
      'waybill.transit.unknown': 'redelivered',
      'waybill.message.age': 0.3,
      'waybill.delivery.attempt': 2,
    })
    expect(await telemetry.series('waybill.transit.duration')).toEqual([])
    expect(await telemetry.series('waybill.journey.duration')).toEqual([])
  })

  test('skew: the counter, nothing else', async () => {
    process(adapter({ now }), delivered(sentAgo(-50)), () => undefined)
    expect(names()).toEqual(['process jobs'])
    expect(span('process').attributes).not.toHaveProperty('waybill.transit.time')
    expect(await telemetry.series('waybill.transit.duration')).toEqual([])
    expect(
      (await telemetry.series('waybill.transit.clock_skew')).map(({ value, unit }) => [value, unit]),
    ).toEqual([[1, '{message}']])
  })

  test('journey: from the origin to the handler', async () => {
    process(adapter({ now }), delivered(sentAgo(300)), () => undefined)
    const [series] = await telemetry.series('waybill.journey.duration')
    expect(series?.value).toMatchObject({ count: 1, sum: 0.6 })
  })

  test.each([
    [{}, 'no_carrier'],
    [{ traceparent: 'garbage' }, 'malformed'],
    [{ baggage: 'a=b' }, 'no_carrier'],
  ])('a new root says why: %o', (headers, reason) => {
    process(adapter(), delivered(headers), () => undefined)
    expect(span('process').parentSpanContext).toBeUndefined()
    expect(span('process').attributes['waybill.root.reason']).toBe(reason)
  })

  test('a root by intent links what it leaves', () => {
    process(adapter(), delivered({ traceparent: TRACEPARENT }, { rootReason: 'scheduled' }), () => undefined)
    expect(span('process').spanContext().traceId).not.toBe(TRACE_ID)
    expect(span('process').links.map((link) => link.context.spanId)).toEqual([SPAN_ID])
    expect(span('process').attributes['waybill.root.reason']).toBe('scheduled')
  })

  test('a root by intent adds no span to the trace it leaves; the wait is told all the same', async () => {
    process(adapter({ now }), delivered(sentAgo(300), { rootReason: 'scheduled' }), () => undefined)
    expect(names()).toEqual(['process jobs'])
    expect(span('process').attributes['waybill.transit.time']).toBe(0.3)
    expect((await telemetry.series('waybill.transit.duration'))[0]?.value).toMatchObject({ count: 1 })
  })

  test('nothing that is active where the consumer runs gets in', () => {
    const active = propagation.setBaggage(
      trace.setSpanContext(context.active(), {
        traceId: 'a'.repeat(32),
        spanId: 'a'.repeat(16),
        traceFlags: 1,
      }),
      propagation.createBaggage({ leak: { value: 'x' } }),
    )
    const seen = context.with(active, () =>
      process(adapter(), delivered({}), () => propagation.getActiveBaggage()),
    )
    expect(seen).toBeUndefined()
    expect(span('process').parentSpanContext).toBeUndefined()
  })

  test('acceptBaggage filters what comes in, under every trust', () => {
    const headers = { traceparent: TRACEPARENT, baggage: 'tenant=acme,role=admin' }
    const seen = (options: object) =>
      process(adapter(options), delivered(headers), () =>
        propagation
          .getActiveBaggage()
          ?.getAllEntries()
          .map(([key]) => key),
      )
    expect(seen({})).toEqual(['tenant', 'role'])
    expect(seen({ acceptBaggage: ['tenant'] })).toEqual(['tenant'])
    expect(seen({ trust: 'link' })).toBeUndefined()
    expect(seen({ trust: 'link', acceptBaggage: ['tenant'] })).toEqual(['tenant'])
    expect(seen({ trust: 'ignore' })).toBeUndefined()
  })

  test('what an untrusted sender stamped is not believed; what the broker stamped is', () => {
    process(adapter({ now, trust: 'link' }), delivered(sentAgo(300)), () => undefined)
    expect(span('process').attributes['waybill.transit.unknown']).toBe('no_timestamp')
    const times = ['sent', { at: NOW - 200, clock: 'broker' }] as const
    process(adapter({ now, trust: 'link' }), delivered(sentAgo(300), { times }), () => undefined)
    expect(telemetry.recorder.spans.at(-1)?.attributes['waybill.transit.time']).toBe(0.2)
  })

  test('no transit span is even started in a trace that is not sampled, whatever the sampler would say', () => {
    const started: string[] = []
    const startSpan = (name: string) => {
      started.push(name)
      return trace.wrapSpanContext(INVALID_SPAN_CONTEXT)
    }
    const tracerProvider = { getTracer: () => ({ startSpan }) } as never
    process(
      adapter({ now, tracerProvider }),
      delivered({ ...sentAgo(300), traceparent: TRACEPARENT.replace(/01$/, '00') }),
      () => undefined,
    )
    expect(started).toEqual(['process jobs'])
  })

  test('hooks are told of the message; one that throws is not obeyed but survived', () => {
    const told: unknown[] = []
    const relation = (message: unknown) => {
      told.push(message)
      return 'link' as const
    }
    process(
      adapter({ relation }),
      delivered({ traceparent: TRACEPARENT }, { messageId: 'm1' }),
      () => undefined,
    )
    expect(told).toEqual([{ destination: 'jobs', messageId: 'm1', attempt: 1 }])
    const thrower = () => {
      throw new Error('hook')
    }
    process(adapter({ trust: thrower }), delivered({ traceparent: TRACEPARENT }), () => undefined)
    expect(telemetry.recorder.spans.at(-1)?.attributes['waybill.root.reason']).toBe('untrusted')
  })

  test('a thrown value that is no Error is recorded and passed on as it is', () => {
    for (const thrown of ['text', undefined, null, 7]) {
      let caught: unknown = 'nothing'
      try {
        process(adapter(), delivered({}), () => {
          throw thrown
        })
      } catch (error) {
        caught = error
      }
      expect(caught).toBe(thrown)
    }
    expect(telemetry.recorder.spans.map((s) => s.attributes['error.type'])).toEqual([
      'string',
      'undefined',
      'null',
      'number',
    ])
  })

  test('nothing that throws in telemetry reaches the handler', () => {
    const thrower = () => {
      throw new Error('telemetry')
    }
    const getter = { keys: thrower, get: thrower }
    expect(process(adapter(), delivered({}, { getter }), () => 'handled')).toBe('handled')
    expect(process(adapter(), delivered({}, { details: thrower }), () => 'handled')).toBe('handled')
    expect(process(adapter({ now: thrower }), delivered({}), () => 'handled')).toBe('handled')
    const instruments = {
      createCounter: () => ({ add: thrower }),
      createHistogram: () => ({ record: thrower }),
    }
    expect(
      process(
        adapter({ meterProvider: { getMeter: () => instruments } as never }),
        delivered({}),
        () => 'handled',
      ),
    ).toBe('handled')
    expect(telemetry.recorder.spans).toHaveLength(telemetry.recorder.started)
  })

  test("the handler's context knows where its message was delivered", () => {
    const journey = process(adapter({ now }), delivered(sentAgo(300)), () => journeyOf(context.active()))
    expect(journey).toMatchObject({ destination: { name: 'jobs' }, attempt: 1 })
  })
})
