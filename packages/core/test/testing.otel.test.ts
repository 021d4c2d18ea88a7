import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { trace } from '@opentelemetry/api'
import { installSdk, type TestTelemetry } from '../../../integration-tests/telemetry.ts'
import { process } from '../src/process.ts'
import { metricRecorder, traceTree } from '../src/testing.ts'
import { adapter, delivered, TRACEPARENT } from './scenario.ts'

describe('helpers for tests', () => {
  let telemetry: TestTelemetry
  beforeEach(() => {
    telemetry = installSdk()
  })
  afterEach(() => telemetry.uninstall())

  test('spanRecorder counts spans that never end', () => {
    const span = trace.getTracer('test').startSpan('open')
    expect([telemetry.recorder.started, telemetry.recorder.open]).toEqual([1, ['open']])
    span.end()
    expect([telemetry.recorder.spans.length, telemetry.recorder.open]).toEqual([1, []])
    telemetry.recorder.reset()
    expect([telemetry.recorder.spans.length, telemetry.recorder.started]).toEqual([0, 0])
  })

  test('metricRecorder keeps every point with its attributes', () => {
    const metrics = metricRecorder()
    process(
      adapter({ meterProvider: metrics, now: () => 1_700_000_000_300 }),
      delivered({ traceparent: TRACEPARENT, waybill: 'sent=1700000000000' }, { group: 'g' }),
      () => undefined,
    )
    expect(metrics.of('waybill.transit.duration')).toEqual([
      {
        name: 'waybill.transit.duration',
        value: 0.3,
        attributes: {
          'messaging.system.name': 'test',
          'messaging.operation.name': 'transit',
          'messaging.destination.name': 'jobs',
          'messaging.consumer.group.name': 'g',
        },
      },
    ])
    expect(metrics.instruments.get('waybill.transit.duration')?.unit).toBe('s')
    metrics.reset()
    expect(metrics.points).toEqual([])
  })

  test('traceTree draws several traces, with attributes on request', () => {
    const processed = { traceparent: TRACEPARENT }
    process(adapter(), delivered(processed), () => {
      trace.getTracer('test').startSpan('work').end()
    })
    process(adapter(), delivered({}), () => undefined)
    expect(traceTree(telemetry.recorder.spans, { attributes: ['waybill.root.reason'] })).toBe(
      'process jobs\n  work\nprocess jobs [waybill.root.reason=no_carrier]',
    )
  })
})
