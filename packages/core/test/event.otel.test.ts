import { SpanKind, trace } from '@opentelemetry/api'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { installSdk, type TestTelemetry } from '../../../integration-tests/telemetry.ts'
import { recordEvent } from '../src/event.ts'
import { adapter } from './scenario.ts'

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

  test('within a span is an event of that span', () => {
    trace.getTracer('test').startActiveSpan('work', (span) => {
      recordEvent(adapter(), event)
      span.end()
    })
    expect(telemetry.recorder.spans.map(({ name }) => name)).toEqual(['work'])
    expect(telemetry.recorder.spans[0]?.events).toMatchObject([
      { name: 'test.rebalance', attributes: { 'test.key': 7 } },
    ])
  })

  test('that is a failure has the exception, and a span of its own anywhere', () => {
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
