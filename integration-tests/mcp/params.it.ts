import { SpanKind } from '@opentelemetry/api'
import { Client as Client1 } from '@modelcontextprotocol/sdk/client/index.js'
import { describe, expect, test } from 'vitest'
import { inSpan, telemetryOfTest } from './telemetry-of-test.ts'
import { wirings, type Wired } from './wirings.ts'

function deepFrozen<T extends object>(value: T): T {
  for (const part of Object.values(value)) if (typeof part === 'object' && part !== null) deepFrozen(part)
  return Object.freeze(value)
}

async function metaSeen({ client }: Wired, params: { name: string; _meta?: Record<string, unknown> }) {
  const result = client instanceof Client1 ? await client.callTool(params) : await client.callTool(params)
  const [content] = result.content as { text?: string }[]
  return JSON.parse(content?.text ?? 'null') as Record<string, unknown>
}

describe.each(wirings)('$name', ({ wire }) => {
  const seen = telemetryOfTest()
  const idOf = (traceparent: unknown): string | undefined => String(traceparent).split('-')[2]

  test('agents-6: frozen params, used twice: two contexts, every other key arrives', async () => {
    const wired = await wire()
    const params = deepFrozen({ name: 'meta', arguments: {}, _meta: { 'com.example/tenant': { id: 7 } } })
    const before = JSON.stringify(params)
    const first = await inSpan('first run', () => metaSeen(wired, params))
    const second = await inSpan('second run', () => metaSeen(wired, params))
    await wired.close()
    expect(JSON.stringify(params)).toBe(before)
    const calls = seen.named('tools/call meta').filter(({ kind }) => kind === SpanKind.CLIENT)
    expect([first, second].map(({ traceparent }) => idOf(traceparent))).toEqual(
      calls.map((span) => span.spanContext().spanId),
    )
    expect(first['traceparent']).not.toBe(second['traceparent'])
    for (const meta of [first, second]) {
      expect(meta['com.example/tenant']).toEqual({ id: 7 })
      // The W3C names, and nothing else of ours.
      expect(Object.keys(meta).sort()).toEqual(['baggage', 'com.example/tenant', 'traceparent'])
    }
  })

  test('agents-6: a context that the application set stays, and is linked', async () => {
    const wired = await wire()
    const own = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'
    const meta = await inSpan('agent run', () =>
      metaSeen(wired, { name: 'meta', _meta: { traceparent: own, baggage: 'tenant=7' } }),
    )
    const spans = [...(await wired.close()), ...seen.spans]
    expect(meta).toEqual({ traceparent: own, baggage: 'tenant=7' })
    const [client] = spans.filter(({ name, kind }) => name === 'tools/call meta' && kind === SpanKind.CLIENT)
    const [server] = spans.filter(({ name, kind }) => name === 'tools/call meta' && kind === SpanKind.SERVER)
    expect(client?.links.map((link) => link.context.spanId)).toEqual(['b7ad6b7169203331'])
    expect(server?.parentSpanContext?.spanId).toBe('b7ad6b7169203331')
  })
})
