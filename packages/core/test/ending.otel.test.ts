import { setTimeout as sleep } from 'node:timers/promises'
import { context, propagation, ROOT_CONTEXT, trace } from '@opentelemetry/api'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { histogram, installSdk, type TestTelemetry } from '../../../integration-tests/telemetry.ts'
import { recordGetter } from '../src/carrier.ts'
import { handOver, takeOver } from '../src/hand-over.ts'
import { beginProcess, process } from '../src/process.ts'
import { beginSend } from '../src/send.ts'
import { parseWaybill } from '../src/waybill.ts'
import { adapter, delivered, SPAN_ID, TRACE_ID, TRACEPARENT } from './scenario.ts'

const ms = ([seconds, nanos]: readonly [number, number]): number => seconds * 1000 + nanos / 1e6

describe('what an adapter may say of a delivery besides', () => {
  let telemetry: TestTelemetry
  beforeEach(() => {
    telemetry = installSdk()
  })
  afterEach(async () => {
    expect(telemetry.recorder.open).toEqual([])
    await telemetry.uninstall()
  })

  test('a handler that was done before its message was settled: span and duration end there', async () => {
    const begun = performance.now()
    const processing = beginProcess(adapter(), delivered({ traceparent: TRACEPARENT }))
    const ended = performance.now()
    await sleep(60)
    processing?.end({ ended })
    const [span] = telemetry.recorder.spans
    const length = ms(span!.endTime) - ms(span!.startTime)
    expect(length).toBeGreaterThanOrEqual(0)
    // The span begins and ends at whole milliseconds.
    expect(length).toBeLessThanOrEqual(ended - begun + 2)
    const [series] = await telemetry.series('messaging.process.duration')
    expect(histogram(series).sum * 1000).toBeLessThanOrEqual(ended - begun)
  })

  test('the outcome is a series of the count, and none of the duration', async () => {
    for (const outcome of ['ack', 'requeue', 'ack'] as const)
      beginProcess(adapter(), delivered({}))?.end({ outcome })
    const consumed = await telemetry.series('messaging.client.consumed.messages')
    expect(consumed.map(({ attributes, value }) => [attributes['waybill.delivery.outcome'], value])).toEqual([
      ['ack', 2],
      ['requeue', 1],
    ])
    expect(await telemetry.series('messaging.process.duration')).toHaveLength(1)
  })

  test('further links, no transit span, and the name for the function-valued options', () => {
    const earlier = { traceId: '1'.repeat(32), spanId: '2'.repeat(16), traceFlags: 1 }
    const names: unknown[] = []
    const sent = Date.now() - 300
    const fields = { traceparent: TRACEPARENT, waybill: `sent=${sent};origin=${sent}` }
    const relation = ({ messageName }: { messageName?: string | undefined }): 'link' => {
      names.push(messageName)
      return 'link'
    }
    const more = { links: [{ context: earlier }], transitSpan: false, messageName: 'invoice' }
    process(adapter({ relation }), delivered(fields, more), () => undefined)
    expect(names).toEqual(['invoice'])
    expect(telemetry.recorder.spans.map(({ name }) => name)).toEqual(['process jobs'])
    const [span] = telemetry.recorder.spans
    expect(span?.links.map((link) => link.context.spanId)).toEqual([SPAN_ID, earlier.spanId])
    expect(span?.attributes['waybill.transit.time']).toBeGreaterThanOrEqual(0.3)
  })

  test('the known wait of a retry has its span, and no point among the first deliveries', async () => {
    const sent = Date.now() - 300
    const fields = { traceparent: TRACEPARENT, waybill: `sent=${sent};origin=${sent}` }
    process(adapter(), delivered(fields, { retried: true, attempt: 2 }), () => undefined)
    expect(telemetry.recorder.spans.map(({ name }) => name)).toEqual(['transit jobs', 'process jobs'])
    expect(await telemetry.series('waybill.transit.duration')).toEqual([])
    expect(await telemetry.series('waybill.journey.duration')).toEqual([])
  })

  test('an operation on several destinations has the name of none', async () => {
    beginSend(adapter(), { operation: 'addBulkFlows', destination: { name: '' } })?.end()
    const [span] = telemetry.recorder.spans
    expect(span?.name).toBe('addBulkFlows')
    expect(span?.attributes).not.toHaveProperty('messaging.destination.name')
    const [sent] = await telemetry.series('messaging.client.sent.messages')
    expect(sent?.attributes).not.toHaveProperty('messaging.destination.name')
  })

  test('a message that is handed to another process is worked on in the same span, baggage and journey', () => {
    const origin = Date.now() - 5000
    const carrier = { traceparent: TRACEPARENT, baggage: 'tenant=acme', waybill: `origin=${origin}` }
    const processing = beginProcess(adapter(), delivered(carrier))
    const fields = handOver(adapter(), processing!.context)
    processing?.end()
    const there = takeOver(adapter(), fields, recordGetter)!
    expect(trace.getSpanContext(there)).toMatchObject({
      traceId: TRACE_ID,
      spanId: processing?.span.spanContext().spanId,
    })
    expect(propagation.getBaggage(there)?.getEntry('tenant')?.value).toBe('acme')
    const sending = context.with(there, () =>
      beginSend(adapter(), { operation: 'add', destination: { name: 'q' } }),
    )
    expect(parseWaybill(sending?.stamp().fields['waybill'], Date.now()).origin).toBe(origin)
    sending?.end()
    expect(trace.getSpanContext(takeOver(adapter(), null, recordGetter) ?? ROOT_CONTEXT)).toBeUndefined()
  })
})

test('without an SDK nothing is handed over', () => {
  expect(handOver(adapter(), ROOT_CONTEXT)).toEqual({})
  expect(takeOver(adapter(), {}, recordGetter)).toBeUndefined()
})
