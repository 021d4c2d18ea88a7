import { metricRecorder } from '@waybill/core/testing'
import { traceMcp, traceTool, type McpOptions } from '@waybill/mcp'
import { describe, expect, test } from 'vitest'
import type { McpMessage } from '../src/types.ts'
import { fakePeer, fakeTransport } from './fakes.ts'

const broken = (): never => {
  throw new Error('telemetry')
}
const request: McpMessage = { id: 1, method: 'tools/call', params: { name: 'search' } }
const progress: McpMessage = { method: 'notifications/progress', params: { progressToken: 1, _meta: {} } }
const cancelled: McpMessage = { method: 'notifications/cancelled', params: { requestId: 1 } }
const response: McpMessage = { id: 1, result: {} }

async function through(options: McpOptions) {
  const received: McpMessage[] = []
  const transport = fakeTransport()
  await traceMcp(
    fakePeer((message) => void received.push(message)),
    options,
  ).connect(transport)
  const all = [request, progress, cancelled, response]
  for (const message of all) {
    await transport.send(message)
    transport.onmessage?.(message)
  }
  transport.onclose?.()
  return { sent: transport.sent, received, all }
}

const span = () => ({
  spanContext: broken,
  isRecording: broken,
  setAttributes: broken,
  setStatus: broken,
  end: broken,
})

test.each<[string, McpOptions]>([
  ['a tracer provider', { tracerProvider: { getTracer: broken } }],
  ['a tracer', { tracerProvider: { getTracer: () => ({ startSpan: broken, startActiveSpan: broken }) } }],
  ['a meter provider', { meterProvider: { getMeter: broken } }],
  [
    'a propagator',
    { meterProvider: metricRecorder(), propagator: { inject: broken, extract: broken, fields: () => [] } },
  ],
  ['a trust function', { meterProvider: metricRecorder(), trust: broken }],
  [
    'a span',
    { tracerProvider: { getTracer: () => ({ startSpan: span as never, startActiveSpan: broken }) } },
  ],
])('%s that throws reaches neither side', async (_, options) => {
  const { sent, received, all } = await through(options)
  expect(sent.map(({ method, id }) => [method, id])).toEqual(all.map(({ method, id }) => [method, id]))
  expect(received.map(({ method, id }) => [method, id])).toEqual(all.map(({ method, id }) => [method, id]))
  expect(traceTool(() => 'found', { name: 'search', ...options })()).toBe('found')
})

describe('without an SDK', () => {
  test('messages are the very ones that were given', async () => {
    const { sent, received, all } = await through({})
    for (const [i, message] of all.entries()) {
      expect(sent[i]).toBe(message)
      expect(received[i]).toBe(message)
    }
  })

  test('a context in the arguments of a tool is taken out all the same: schemas are as strict', async () => {
    const received: McpMessage[] = []
    const transport = fakeTransport()
    await traceMcp(fakePeer((message) => void received.push(message))).connect(transport)
    const _meta = { traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01' }
    transport.onmessage?.({ ...request, params: { name: 'search', arguments: { query: 'a', _meta } } })
    expect(received[0]?.params).toEqual({ name: 'search', arguments: { query: 'a' } })
  })
})
