import { SpanKind, trace } from '@opentelemetry/api'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { installSdk, type TestTelemetry } from '../../../integration-tests/telemetry.ts'
import { recordEvent } from '../src/event.ts'
import { process } from '../src/process.ts'
import { adapter, delivered } from './scenario.ts'

const event = { name: 'test.rebalance', subject: 'g', attributes: { 'test.key': 7 } }

describe('an event of a client', () => {
  let telemetry: TestTelemetry
  beforeEach(() => {
    telemetry = installSdk()
  })
  afterEach(async () => {
    expect(telemetry.recorder.open).toEqual([])
    await telemetry.uninstall()
  })

  test('outside of any span is a root of its own, as long as it took', () => {
    recordEvent(adapter(), { ...event, durationMs: 500 })
    const [span] = telemetry.recorder.spans
    expect(span?.name).toBe('test.rebalance g')
    expect(span?.kind).toBe(SpanKind.INTERNAL)
    expect(span?.attributes).toEqual({
      'messaging.system.name': 'test',
      'messaging.system': 'test',
      'test.key': 7,
    })
    const [start, end] = [span?.startTime, span?.endTime].map((time) => time![0] * 1000 + time![1] / 1e6)
    expect(end! - start!).toBeCloseTo(500, 3)
  })

  test('within a handler, or by a call, is an event of the span that is active', () => {
    process(adapter(), delivered({}), () => recordEvent(adapter(), event))
    trace.getTracer('test').startActiveSpan('work', (span) => {
      recordEvent(adapter(), { ...event, called: true })
      span.end()
    })
    expect(telemetry.recorder.spans.map(({ name }) => name)).toEqual(['process jobs', 'work'])
    for (const { events } of telemetry.recorder.spans)
      expect(events).toMatchObject([{ name: 'test.rebalance', attributes: { 'test.key': 7 } }])
  })

  test("in a client's own loop has nothing to do with what was active when that was started", () => {
    trace.getTracer('test').startActiveSpan('start-up', (span) => {
      recordEvent(adapter(), event)
      span.end()
    })
    const [own, startUp] = telemetry.recorder.spans
    expect(own?.name).toBe('test.rebalance g')
    expect(own?.parentSpanContext).toBeUndefined()
    expect(startUp?.events).toEqual([])
  })

  test('that is a failure has the exception, and a span of its own anywhere', () => {
    process(adapter(), delivered({}), () =>
      recordEvent(adapter(), { ...event, failure: { error: new Error('x') } }),
    )
    const [inHandler, handler] = telemetry.recorder.spans
    expect(inHandler?.parentSpanContext?.spanId).toBe(handler?.spanContext().spanId)
    telemetry.recorder.reset()
    trace.getTracer('test').startActiveSpan('work', (span) => {
      recordEvent(adapter(), { ...event, failure: { error: new RangeError('dead') } })
      span.end()
    })
    const [crash] = telemetry.recorder.spans
    expect(crash?.attributes['error.type']).toBe('RangeError')
    expect(crash?.events[0]?.attributes?.['exception.message']).toBe('dead')
    expect(crash?.parentSpanContext).toBeUndefined()
  })

  test('without an SDK is nothing', async () => {
    await telemetry.uninstall()
    expect(() => recordEvent(adapter(), event)).not.toThrow()
    telemetry = installSdk()
  })
})
