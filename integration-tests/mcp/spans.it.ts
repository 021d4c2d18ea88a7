import { SpanKind } from '@opentelemetry/api'
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client'
import { createMcpHandler } from '@modelcontextprotocol/server'
import { traceTree } from '@waybill/core/testing'
import { traceMcp } from '@waybill/mcp'
import { describe, expect, test } from 'vitest'
import { histogram } from '../telemetry.ts'
import { makeServer2 } from './server-2.ts'
import { inSpan, telemetryOfTest, traceOf } from './telemetry-of-test.ts'
import { wirings } from './wirings.ts'

describe.each(wirings)('$name', ({ name, wire, revision }) => {
  const seen = telemetryOfTest()
  const isHttp = name.includes('HTTP')
  const network = isHttp ? 'tcp' : name.includes('stdio') ? 'pipe' : undefined
  const hasSession = isHttp && revision === '2025-11-25'
  // The id of a session over SSE is known to the server only.
  const isSse = name.includes('SSE')

  test('what spans of a tool call say', async () => {
    const wired = await wire()
    await inSpan('agent run', () => wired.call('search', { query: 'ships' }))
    const spans = [...(await wired.close()), ...seen.spans]
    const [client, server] = [SpanKind.CLIENT, SpanKind.SERVER].map((side) =>
      spans.find((span) => span.name === 'tools/call search' && span.kind === side)!,
    )
    const shared = {
      'mcp.method.name': 'tools/call',
      'gen_ai.operation.name': 'execute_tool',
      'gen_ai.tool.name': 'search',
      'jsonrpc.request.id': '1',
      'mcp.protocol.version': revision,
      ...(network !== undefined && { 'network.transport': network }),
      ...(hasSession && { 'mcp.session.id': expect.any(String) as string }),
    }
    const place = isHttp && { 'server.address': '127.0.0.1', 'server.port': expect.any(Number) as number }
    // The handshake of revision 2026-07-28 has an id of another kind.
    const id = client?.attributes['jsonrpc.request.id']
    const { 'mcp.session.id': _, ...withoutSession } = shared
    const told = isSse ? withoutSession : shared
    expect(client?.attributes).toEqual({ ...told, ...place, 'jsonrpc.request.id': id })
    expect(server?.attributes).toEqual({ ...shared, 'jsonrpc.request.id': id })
    if (!isSse) expect(client?.attributes['mcp.session.id']).toBe(server?.attributes['mcp.session.id'])
    for (const span of [client, server]) {
      expect(span?.status).toEqual({ code: 0 })
      expect(span?.instrumentationScope).toMatchObject({ name: '@waybill/mcp', version: '0.1.0' })
    }
  })

  test('names are of low cardinality: tools and prompts, no resources', async () => {
    const { client, close } = await wire()
    await client.getPrompt({ name: 'greet' })
    await client.readResource({ uri: 'note://harbour' })
    const there = await close()
    const [prompt, resource] = ['prompts/get greet', 'resources/read'].map((wanted) =>
      [...there, ...seen.spans].filter((span) => span.name === wanted),
    )
    expect(prompt).toHaveLength(2)
    expect(resource).toHaveLength(2)
    for (const { attributes } of prompt!) expect(attributes['gen_ai.prompt.name']).toBe('greet')
    for (const { attributes } of resource!) expect(attributes['mcp.resource.uri']).toBe('note://harbour')
  })

  test('what is measured', async () => {
    const wired = await wire()
    await wired.call('search', { query: 'ships' })
    await wired.call('search', { query: 'tides' })
    await wired.close()
    const of = async (metric: string) =>
      (await seen.telemetry.series(metric)).filter(
        ({ attributes }) => attributes['gen_ai.tool.name'] === 'search' || metric.includes('session'),
      )
    const common = {
      'mcp.protocol.version': revision,
      ...(network !== undefined && { 'network.transport': network }),
    }
    const call = {
      ...common,
      'mcp.method.name': 'tools/call',
      'gen_ai.operation.name': 'execute_tool',
      'gen_ai.tool.name': 'search',
    }
    const place = isHttp && { 'server.address': '127.0.0.1', 'server.port': expect.any(Number) as number }

    const [operation, ...others] = await of('mcp.client.operation.duration')
    expect(others).toEqual([])
    expect(operation).toMatchObject({ unit: 's', attributes: { ...call, ...place } })
    expect(Object.keys(operation?.attributes ?? {}).sort()).toEqual(Object.keys({ ...call, ...place }).sort())
    expect(histogram(operation).count).toBe(2)
    expect(histogram(operation).sum).toBeGreaterThan(0)
    if (network !== 'pipe') {
      const [served] = await of('mcp.server.operation.duration')
      expect(served?.attributes).toEqual(call)
      expect(histogram(served).count).toBe(2)
    }
    // Revision 2026-07-28 has no sessions.
    const sessions = await of('mcp.client.session.duration')
    expect(sessions.map(({ attributes }) => attributes)).toEqual(
      revision === '2025-11-25' ? [expect.objectContaining({ ...common, ...place })] : [],
    )
    for (const session of sessions) expect(histogram(session).count).toBe(1)
    if (network !== 'pipe' && revision === '2025-11-25')
      expect(await of('mcp.server.session.duration')).toHaveLength(1)
  })
})

describe('over HTTP without a session', () => {
  const seen = telemetryOfTest()

  test('no session is measured, though every request begins with the handshake of one', async () => {
    const handler = createMcpHandler(() => traceMcp(makeServer2()))
    const client = traceMcp(new Client({ name: 'agent', version: '1.0.0' }))
    const fetchHere = (url: string | URL, init?: RequestInit) => handler.fetch(new Request(url, init))
    await client.connect(
      new StreamableHTTPClientTransport(new URL('http://localhost/'), { fetch: fetchHere }),
    )
    await inSpan('agent run', () => client.callTool({ name: 'search', arguments: { query: 'ships' } }))
    await client.close()
    await handler.close()
    expect(traceTree(traceOf(seen.spans, 'agent run'))).toBe(
      'agent run\n  tools/call search\n    tools/call search\n      look up ships',
    )
    expect(await seen.telemetry.series('mcp.server.operation.duration')).not.toEqual([])
    expect(await seen.telemetry.series('mcp.server.session.duration')).toEqual([])
    expect(await seen.telemetry.series('mcp.client.session.duration')).toEqual([])
  })
})

describe('sampled out', () => {
  const seen = telemetryOfTest({ sampled: false })

  test('no span is recorded, and everything is measured and carried', async () => {
    const [{ wire }] = [wirings[0]!]
    const wired = await wire()
    const meta = await inSpan('agent run', () => wired.call('meta'))
    expect(JSON.parse(meta ?? '')).toMatchObject({ traceparent: expect.stringMatching(/-00$/) as string })
    await wired.close()
    expect(seen.spans).toEqual([])
    const points = await seen.telemetry.series('mcp.server.operation.duration')
    expect(points.map(({ attributes }) => attributes['mcp.method.name'])).toContain('tools/call')
  })
})
