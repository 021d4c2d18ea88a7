import { context, ROOT_CONTEXT, SpanKind, trace } from '@opentelemetry/api'
import { traceMcp } from '@waybill/mcp'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { installSdk, type TestTelemetry } from '../../../integration-tests/telemetry.ts'
import type { McpReceiver } from '../src/types.ts'
import { fakePeer, fakeTransport } from './fakes.ts'

let telemetry: TestTelemetry
beforeEach(() => {
  telemetry = installSdk()
})
afterEach(() => telemetry.uninstall())

test('another instrumentation that wraps the handler later has no say in its context', async () => {
  const seen: (string | undefined)[] = []
  const transport = fakeTransport()
  await traceMcp(fakePeer(() => void seen.push(trace.getSpanContext(context.active())?.spanId))).connect(
    transport,
  )
  // As OpenInference does when the transport starts.
  const { onmessage } = transport as { onmessage: McpReceiver }
  const theirs = { traceId: '1'.repeat(32), spanId: '2'.repeat(16), traceFlags: 1 }
  transport.onmessage = (message, extra) =>
    context.with(trace.setSpanContext(ROOT_CONTEXT, theirs), () => onmessage(message, extra))

  transport.onmessage({ id: 1, method: 'tools/list' })
  await transport.send({ id: 1, result: {} })
  const spans = telemetry.recorder.spans
  expect(spans.map(({ name, kind }) => [name, kind])).toEqual([['tools/list', SpanKind.SERVER]])
  expect(seen).toEqual([spans[0]?.spanContext().spanId])
})
