import { SpanKind, trace } from '@opentelemetry/api'
import { afterEach, describe, expect, test } from 'vitest'
import { installSdk, type TestTelemetry } from '../../../integration-tests/telemetry.ts'
import { assertConnected, diagnoseSpans } from '../src/index.ts'
import { table } from '../src/report/table.ts'
import { matchers } from '../src/vitest.ts'

expect.extend(matchers)

let telemetry: TestTelemetry | undefined
afterEach(async () => {
  await telemetry?.uninstall()
  telemetry = undefined
})

/** A send and its delivery by hand, with context or without. */
function pair(connected: boolean) {
  telemetry ??= installSdk()
  telemetry.recorder.reset()
  const tracer = trace.getTracer('app')
  const attributes = {
    'messaging.system': 'redis',
    'messaging.destination.name': 'jobs',
    'messaging.message.id': '1-0',
  }
  const producer = tracer.startSpan('xadd jobs', { kind: SpanKind.PRODUCER, attributes })
  producer.end()
  const links = connected ? [{ context: producer.spanContext() }] : []
  tracer.startSpan('process jobs', { kind: SpanKind.CONSUMER, attributes, links, root: true }).end()
  return telemetry.recorder.spans
}

describe('doctor-32: the spans of a test', () => {
  test('assertConnected fails with the text of the command line', () => {
    const lost = pair(false)
    expect(() => assertConnected(lost)).toThrow(table(diagnoseSpans(lost)))
    expect(() => assertConnected(lost)).toThrow('MQ-CONTEXT-LOST')
    expect(() => assertConnected(pair(true))).not.toThrow()
  })

  test('the matcher says the same', () => {
    const extended = expect as unknown as (spans: unknown) => {
      toBeConnected(): void
      not: { toBeConnected(): void }
    }
    extended(pair(true)).toBeConnected()
    extended(pair(false)).not.toBeConnected()
    expect(() => extended(pair(false)).toBeConnected()).toThrow('MQ-CONTEXT-LOST')
    expect(() => extended(pair(true)).not.toBeConnected()).toThrow('all do')
  })

  test('a typo in the settings is an error that says what there is', () => {
    const typo = { failon: 'info' } as object
    expect(() => assertConnected(pair(true), typo)).toThrow(/expected settings failOn, gapMs.*'failon'/)
    expect(() => assertConnected(pair(true), { gapMs: -1 })).toThrow('gapMs: milliseconds above 0')
  })

  test('no spans at all are a failure', () => {
    expect(() => assertConnected([])).toThrow('no spans at all')
  })
})
