import { propagation, trace, TraceFlags } from '@opentelemetry/api'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { installSdk, type TestTelemetry } from '../../../integration-tests/telemetry.ts'
import { beginBatch } from '../src/batch.ts'
import { extract } from '../src/context/carried.ts'
import { parseSentryTrace } from '../src/foreign.ts'
import { process } from '../src/process.ts'
import type { TelemetryOptions } from '../src/options.ts'
import { adapter, delivered, SPAN_ID, TRACE_ID, TRACEPARENT } from './scenario.ts'

const OTHER = 'b'.repeat(32)
const sentry = { 'sentry-trace': `${TRACE_ID}-${SPAN_ID}-1` }
const datadog = {
  'x-datadog-trace-id': BigInt(`0x${TRACE_ID.slice(16)}`).toString(),
  'x-datadog-parent-id': BigInt(`0x${SPAN_ID}`).toString(),
  'x-datadog-tags': `_dd.p.tid=${TRACE_ID.slice(0, 16)}`,
}

describe('what others write', () => {
  let telemetry: TestTelemetry
  beforeEach(() => {
    telemetry = installSdk()
  })
  afterEach(async () => {
    expect(telemetry.recorder.open).toEqual([])
    await telemetry.uninstall()
  })
  function spanOf(headers: object, options?: TelemetryOptions) {
    process(adapter(options), delivered(headers), () => undefined)
    const { spans } = telemetry.recorder
    const span = spans.find(({ name }) => name === 'process jobs')!
    return {
      parent: span.parentSpanContext?.spanId,
      trace: span.spanContext().traceId,
      links: span.links.map(({ context }) => context.spanId),
      reason: span.attributes['waybill.root.reason'],
      names: spans.map(({ name }) => name),
    }
  }

  test.each([
    ["Sentry's header", sentry],
    ["Sentry's header in bytes", { 'sentry-trace': Buffer.from(sentry['sentry-trace']) }],
    ["Datadog's headers", datadog],
    ['after a malformed traceparent', { traceparent: 'garbage', ...sentry }],
  ])('%s is continued, in its trace, and linked', (_, headers) => {
    expect(spanOf(headers)).toMatchObject({
      parent: SPAN_ID,
      trace: TRACE_ID,
      links: [SPAN_ID],
      reason: undefined,
    })
  })

  test.each([
    ["Sentry's", { 'sentry-trace': `${OTHER}-${'c'.repeat(16)}-1` }],
    ["Datadog's", { 'x-datadog-trace-id': '1', 'x-datadog-parent-id': '2' }],
    ["a CloudEvent's", { ce_traceparent: `00-${OTHER}-${'c'.repeat(16)}-01` }],
  ])('W3C wins over %s', (_, foreign) => {
    expect(spanOf({ ...foreign, traceparent: TRACEPARENT })).toMatchObject({
      parent: SPAN_ID,
      links: [SPAN_ID],
    })
  })

  test.each([
    ['sentry', sentry],
    ['datadog', datadog],
    ['cloudevents', { ce_traceparent: TRACEPARENT }],
  ] as const)('%s switched off is not read', (name, headers) => {
    const others = (['datadog', 'sentry', 'cloudevents'] as const).filter((other) => other !== name)
    const expected = { parent: undefined, links: [], reason: 'no_carrier' }
    expect(spanOf(headers, { foreignCarriers: others })).toMatchObject(expected)
  })

  test.each(['ce_traceparent', 'ce-traceparent', 'cloudEvents_traceparent', 'cloudEvents:traceparent'])(
    'CloudEvents: %s is linked from a new trace, without a transit span in the old one',
    (name) => {
      const sent = { waybill: `sent=${Date.now() - 500};origin=${Date.now() - 500}` }
      const seen = spanOf({ [name]: TRACEPARENT, ...sent }, { relation: 'parent' })
      expect(seen).toMatchObject({ parent: undefined, links: [SPAN_ID], reason: 'no_carrier' })
      expect(seen.trace).not.toBe(TRACE_ID)
      expect(seen.names).toEqual(['process jobs'])
    },
  )

  test('CloudEvents: not linked if it is to be ignored; in a batch linked, and never its parent', () => {
    expect(spanOf({ ce_traceparent: TRACEPARENT }, { trust: 'ignore' }).links).toEqual([])
    const messages = [delivered({ ce_traceparent: TRACEPARENT })]
    const destination = { name: 'batch' }
    const batch = { operation: 'process', destination, messages, parent: 'first' as const }
    beginBatch(adapter(), batch)?.end()
    const span = telemetry.recorder.spans.find(({ name }) => name === 'process batch')
    expect(span?.parentSpanContext).toBeUndefined()
    expect(span?.links.map(({ context }) => context.spanId)).toEqual([SPAN_ID])
  })

  test('extraHeaderNames: read in any case where there is no traceparent, and only if named', () => {
    const headers = { 'Diagnostic-Id': TRACEPARENT }
    expect(spanOf(headers).parent).toBeUndefined()
    telemetry.recorder.reset()
    const options = { extraHeaderNames: ['googclient_traceparent', 'Diagnostic-ID'] }
    expect(spanOf(headers, options).parent).toBe(SPAN_ID)
  })

  test('trust holds for them as well', () => {
    expect(spanOf(sentry, { trust: 'link' })).toMatchObject({ parent: undefined, links: [SPAN_ID] })
  })

  test('extract() of a carrier reads them, but for what is only to be linked', () => {
    const found = (carrier: object) => trace.getSpanContext(extract(carrier))?.spanId
    expect([found(sentry), found(datadog), found({ ce_traceparent: TRACEPARENT })]).toEqual([
      SPAN_ID,
      SPAN_ID,
      undefined,
    ])
    expect(propagation.getBaggage(extract({ ...sentry, baggage: 'a=1' }))?.getEntry('a')?.value).toBe('1')
  })
})

test.each([
  ['-1', TraceFlags.SAMPLED],
  ['-0', TraceFlags.NONE],
  // The decision is left to whoever gets it.
  ['', TraceFlags.SAMPLED],
])('sampling in sentry-trace: %j', (suffix, traceFlags) => {
  expect(parseSentryTrace(`${TRACE_ID}-${SPAN_ID}${suffix}`)).toEqual({
    traceId: TRACE_ID,
    spanId: SPAN_ID,
    traceFlags,
    isRemote: true,
  })
})

test.each([
  undefined,
  '',
  'x',
  TRACE_ID,
  `${'0'.repeat(32)}-${SPAN_ID}-1`,
  `${TRACE_ID}-${'0'.repeat(16)}-1`,
  TRACEPARENT,
])('no sentry-trace: %s', (value) => {
  expect(parseSentryTrace(value)).toBeUndefined()
})
