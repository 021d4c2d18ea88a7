import { SpanKind, SpanStatusCode } from '@opentelemetry/api'
import type { RecordedSpan } from '@waybill/core/testing'
import { describe, expect, test, vi } from 'vitest'
import { telemetryOfTest } from './telemetry-of-test.ts'
import { wirings } from './wirings.ts'

const sides = (spans: readonly RecordedSpan[], name: string) =>
  [SpanKind.CLIENT, SpanKind.SERVER].map((side) => {
    const found = spans.filter((span) => span.name === name && span.kind === side)
    expect(found).toHaveLength(1)
    const [{ attributes, status } = found[0]!] = found
    return {
      error: attributes['error.type'],
      code: attributes['rpc.response.status_code'],
      failed: status.code === SpanStatusCode.ERROR,
      message: status.message,
    }
  })
const both = <T>(value: T): T[] => [value, value]

describe.each(wirings)('$name', ({ name, wire }) => {
  const seen = telemetryOfTest()
  const isStdio = name.includes('stdio')

  test('agents-8: a result with isError is a tool_error on both sides, its text is told to nobody', async () => {
    const wired = await wire()
    expect(await wired.call('refuse')).toBe('no such page')
    const spans = [...(await wired.close()), ...seen.spans]
    expect(sides(spans, 'tools/call refuse')).toEqual(
      both({ error: 'tool_error', code: undefined, failed: true, message: 'tool_error' }),
    )
    expect(
      JSON.stringify(spans.map(({ attributes, events, status }) => [attributes, events, status])),
    ).not.toContain('no such page')
    const points = await seen.telemetry.series('mcp.client.operation.duration')
    expect(points.filter(({ attributes }) => attributes['error.type'] === 'tool_error')).toHaveLength(1)
  })

  test('agents-8: an error of JSON-RPC is its code', async () => {
    const { client, close } = await wire()
    await expect(client.getPrompt({ name: 'nobody' })).rejects.toThrow(/nobody/)
    const spans = [...(await close()), ...seen.spans]
    const message = sides(spans, 'prompts/get nobody')[0]?.message
    expect(message).toMatch(/nobody/)
    expect(sides(spans, 'prompts/get nobody')).toEqual(
      both({ error: '-32602', code: '-32602', failed: true, message }),
    )
  })

  test('agents-8: a cancelled call ends on both sides', async () => {
    const wired = await wire()
    const cancel = new AbortController()
    const call = wired.call('wait', {}, { signal: cancel.signal })
    if (isStdio) await wired.call('search', { query: 'waits' })
    else await vi.waitFor(() => expect(seen.telemetry.recorder.open).toContain('tools/call wait'))
    await vi.waitFor(() => expect(seen.telemetry.recorder.open.length).toBe(isStdio ? 1 : 2))
    cancel.abort('no longer wanted')
    await expect(call).rejects.toThrow('no longer wanted')
    await vi.waitFor(() => expect(seen.telemetry.recorder.open).toEqual([]))
    const spans = [...(await wired.close()), ...seen.spans]
    for (const { error, failed } of sides(spans, 'tools/call wait')) {
      expect({ error, failed }).toEqual({ error: 'cancelled', failed: true })
    }
  })

  test('agents-8: a call that timed out ends on both sides', async () => {
    const wired = await wire()
    await expect(wired.call('wait', {}, { timeout: 50 })).rejects.toThrow(/timed out/)
    await vi.waitFor(() => expect(seen.telemetry.recorder.open).toEqual([]))
    const spans = [...(await wired.close()), ...seen.spans]
    // Closing the stream, which is how revision 2026-07-28 cancels over HTTP, gives no reason.
    const expected = name === 'SDK 2, streamable HTTP, 2026-07-28' ? 'cancelled' : 'timeout'
    for (const { error } of sides(spans, 'tools/call wait')) expect(error).toBe(expected)
  })

  // A stdio server of either SDK learns of the end of its input only by its process being over.
  if (isStdio) return
  test('agents-8: closed with a request open', async () => {
    const wired = await wire()
    const call = wired.call('wait')
    await vi.waitFor(() => expect(seen.telemetry.recorder.open).toHaveLength(2))
    const closed = wired.close()
    await expect(call).rejects.toThrow(/closed/i)
    await closed
    const expected = name === 'SDK 2, streamable HTTP, 2026-07-28' ? 'cancelled' : 'connection_closed'
    const [client, server] = sides(seen.spans, 'tools/call wait')
    expect(client).toMatchObject({ error: 'connection_closed', failed: true })
    expect(server).toMatchObject({ error: expected, failed: true })
  })
})
