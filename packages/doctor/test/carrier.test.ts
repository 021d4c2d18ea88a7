import { expect, test } from 'vitest'
import { summarize } from '../src/peek/carrier.ts'

const TRACE = '0af7651916cd43dd8448eb211c80319c'
const OTHER = 'f'.repeat(32)
const traceparent = `00-${TRACE}-b7ad6b7169203331-01`
const decimal = (hex: string): string => String(BigInt(`0x${hex}`))
const datadog = (trace: string): Record<string, string> => ({
  'x-datadog-trace-id': decimal(trace.slice(16)),
  'x-datadog-parent-id': '17',
})

test.each<[string, Record<string, string>, number]>([
  ['nothing else', {}, 0],
  ["Sentry's context of the same trace", { 'sentry-trace': `${TRACE}-b7ad6b7169203331-1` }, 0],
  ["Sentry's context of another trace", { 'sentry-trace': `${OTHER}-b7ad6b7169203331-1` }, 1],
  ["Datadog's lower half of the same trace", datadog(TRACE), 0],
  ["Datadog's lower half of another trace", datadog(OTHER), 1],
  [
    "Datadog's whole of another trace",
    { ...datadog(TRACE), 'x-datadog-tags': `_dd.p.tid=${OTHER.slice(16)}` },
    1,
  ],
  ['what is nobody’s context', { 'sentry-trace': 'x', 'x-datadog-trace-id': 'y' }, 0],
])('doctor-30: a traceparent beside %s', (_what, others, contradicted) => {
  const messages = [{ fields: { traceparent, ...others } }]
  const summary = summarize({ destination: 'jobs', system: 'kafka', waiting: 1, messages }, 0)
  expect(summary).toMatchObject({ contradicted, carriers: { w3c: 1 } })
})

test('doctor-30: without a traceparent nothing contradicts it', () => {
  const messages = [{ fields: { 'sentry-trace': `${OTHER}-b7ad6b7169203331-1`, ...datadog(TRACE) } }]
  const summary = summarize({ destination: 'jobs', system: 'redis', waiting: 1, messages }, 0)
  expect(summary).toMatchObject({ contradicted: 0, carriers: { w3c: 0, datadog: 1 } })
})
