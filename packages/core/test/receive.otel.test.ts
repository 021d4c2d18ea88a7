import { context, SpanKind, trace } from '@opentelemetry/api'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { installSdk, type TestTelemetry } from '../../../integration-tests/telemetry.ts'
import { beginProcess, process } from '../src/process.ts'
import { recordReceive } from '../src/receive.ts'
import { isAutoInstrumented, uninstrumented } from '../src/self-check.ts'
import { suppressed } from '../src/suppress.ts'
import { adapter, delivered, TRACEPARENT } from './scenario.ts'

const sent = { traceparent: TRACEPARENT, waybill: `sent=${Date.now() - 300};origin=${Date.now() - 300}` }

describe('a fetch and the work on what it brought', () => {
  let telemetry: TestTelemetry
  beforeEach(() => {
    telemetry = installSdk()
  })
  afterEach(() => telemetry.uninstall())

  test('the receive span and its duration begin with the call', async () => {
    const before = Date.now()
    const since = performance.now() - 200
    beginProcess(adapter(), delivered(sent, { operation: 'get', operationType: 'receive', since }))?.end()
    const span = telemetry.recorder.spans.find(({ name }) => name === 'get jobs')!
    expect(span.kind).toBe(SpanKind.CLIENT)
    const [seconds, nanos] = span.startTime
    const start = seconds * 1000 + nanos / 1e6
    expect(start).toBeGreaterThanOrEqual(before - 201)
    expect(start).toBeLessThanOrEqual(Date.now() - 199)
    const [series] = await telemetry.series('messaging.client.operation.duration')
    expect(series?.value).toMatchObject({ count: 1, sum: expect.toSatisfy((sum: number) => sum >= 0.2) })
  })

  test('work on a received message times the work, not the wait again', async () => {
    beginProcess(adapter(), delivered(sent, { operation: 'get', operationType: 'receive' }))?.end()
    process(adapter(), delivered(sent, { received: true }), () => undefined)
    expect(telemetry.recorder.spans.map(({ name }) => name)).toEqual([
      'transit jobs',
      'get jobs',
      'process jobs',
    ])
    expect(telemetry.recorder.spans.at(-1)?.attributes).not.toHaveProperty('waybill.transit.time')
    const consumed = await telemetry.series('messaging.client.consumed.messages')
    expect(consumed.map(({ value }) => value)).toEqual([1])
    const transit = await telemetry.series('waybill.transit.duration')
    expect(transit.map(({ value }) => value)).toEqual([expect.objectContaining({ count: 1 })])
    const worked = await telemetry.series('messaging.process.duration')
    expect(worked.map(({ value }) => value)).toEqual([expect.objectContaining({ count: 1 })])
  })
})

describe('beside an automatic instrumentation', () => {
  test('a suppressed context gives no recorded spans', async () => {
    const telemetry = installSdk()
    context.with(suppressed(context.active()), () => {
      trace.getTracer('peer').startSpan('publish').end()
    })
    expect(telemetry.recorder.started).toBe(0)
    await telemetry.uninstall()
  })

  test('the method beneath the wrapper is found', () => {
    const original = (): void => undefined
    const wrapped = Object.assign((): void => undefined, { __wrapped: true, __original: original })
    expect(isAutoInstrumented(wrapped)).toBe(true)
    expect(uninstrumented(wrapped)).toBe(original)
    expect(uninstrumented(original)).toBe(original)
  })
})

describe('a read that gives several messages', () => {
  let telemetry: TestTelemetry
  beforeEach(() => {
    telemetry = installSdk()
  })
  afterEach(() => telemetry.uninstall())

  test('is one CLIENT span that links them, as many as it may, and tells no wait', async () => {
    const before = Date.now()
    const messages = [delivered(sent), delivered({}), delivered(sent), delivered(sent)]
    const batch = { operation: 'poll', destination: { name: 'jobs' }, group: 'g', messages }
    recordReceive(adapter({ maxLinks: 2 }), batch, performance.now() - 100)
    expect(telemetry.recorder.spans).toHaveLength(1)
    const [span] = telemetry.recorder.spans
    expect(span).toMatchObject({ name: 'poll jobs', kind: SpanKind.CLIENT, parentSpanContext: undefined })
    expect(span?.links).toHaveLength(2)
    expect(span?.attributes).toMatchObject({
      'messaging.operation.type': 'receive',
      'messaging.batch.message_count': 4,
      'messaging.consumer.group.name': 'g',
      'waybill.links.omitted': 1,
    })
    const [seconds = 0, nanos = 0] = span?.startTime ?? []
    expect(seconds * 1000 + nanos / 1e6).toBeLessThanOrEqual(before - 90)
    const [series] = await telemetry.series('messaging.client.operation.duration')
    expect(series?.value).toMatchObject({ count: 1 })
    expect(await telemetry.series('messaging.client.consumed.messages')).toEqual([])
    expect(await telemetry.series('waybill.transit.duration')).toEqual([])
  })
})
