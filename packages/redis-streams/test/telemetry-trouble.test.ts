import { expect, test } from 'vitest'
import { metricRecorder } from '@waybill/core/testing'
import { traceHandler, traceProducer, type StreamEntry } from '../src/index.ts'

const broken = (): never => {
  throw new Error('telemetry')
}
const entry: StreamEntry = ['1700000000000-0', ['task', 'bill', 'traceparent', 'x']]

test.each([
  ['a clock', { now: broken, meterProvider: metricRecorder() }],
  ['a tracer provider', { tracerProvider: { getTracer: broken } }],
  ['a meter provider', { meterProvider: { getMeter: broken } }],
])('%s that throws reaches neither handler nor xadd', async (_what, options) => {
  const handle = traceHandler(([, fields]) => fields, { stream: 's', ...options })
  expect(handle(entry)).toEqual(['task', 'bill'])
  const client = traceProducer({ xadd: (..._args: unknown[]) => Promise.resolve('1-0') }, options)
  await expect(client.xadd('s', '*', 'task', 'bill')).resolves.toBe('1-0')
})
