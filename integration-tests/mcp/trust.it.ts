import { SpanKind } from '@opentelemetry/api'
import { Client as Client2, StreamableHTTPClientTransport as Http2 } from '@modelcontextprotocol/client'
import { Client as Client1 } from '@modelcontextprotocol/sdk/client/index.js'
import { StreamableHTTPClientTransport as Http1 } from '@modelcontextprotocol/sdk/client/streamableHttp.js'
import { createMcpHandler } from '@modelcontextprotocol/server'
import { traceMcp, type McpOptions, type McpRequestInfo } from '@waybill/mcp'
import { describe, expect, test } from 'vitest'
import { makeServer2 } from './server-2.ts'
import { inSpan, telemetryOfTest } from './telemetry-of-test.ts'
import { wirings } from './wirings.ts'

describe.each(wirings.filter(({ name }) => !name.includes('stdio')))('$name', ({ wire }) => {
  const seen = telemetryOfTest()
  const search = async (server: McpOptions, client: McpOptions = {}) => {
    const wired = await wire({ server, client })
    const session = await inSpan('agent run', () => wired.call('search', { query: 'ships' }))
    await wired.close()
    const [from] = seen.named('tools/call search').filter(({ kind }) => kind === SpanKind.CLIENT)
    const [to] = seen.named('tools/call search').filter(({ kind }) => kind === SpanKind.SERVER)
    const isLinked = to?.links.some((link) => link.context.spanId === from?.spanContext().spanId)
    return { session, isChild: to?.parentSpanContext?.spanId === from?.spanContext().spanId, isLinked, to }
  }

  test('agents-12: continue: a child of the call, with its baggage', async () => {
    expect(await search({ trust: 'continue' })).toMatchObject({
      session: 's-42',
      isChild: true,
      isLinked: false,
    })
  })

  test('agents-12: link: a trace of its own that links the call, without its baggage', async () => {
    const found = await search({ trust: 'link' })
    expect(found).toMatchObject({ session: 'none', isChild: false, isLinked: true })
    expect(found.to?.parentSpanContext).toBeUndefined()
    expect(found.to?.attributes['waybill.root.reason']).toBe('untrusted')
  })

  test('agents-12: ignore: nothing of it', async () => {
    const found = await search({ trust: 'ignore' })
    expect(found).toMatchObject({ session: 'none', isChild: false })
    expect(found.to?.links).toEqual([])
    expect(found.to?.parentSpanContext).toBeUndefined()
  })

  test('agents-12: a function decides by the request, and an accepted key gets in', async () => {
    const asked: McpRequestInfo[] = []
    const found = await search({
      acceptBaggage: ['session.id'],
      trust: (request) => {
        asked.push(request)
        return request.name === 'search' ? 'link' : 'continue'
      },
    })
    expect(found).toMatchObject({ session: 's-42', isChild: false, isLinked: true })
    expect(asked).toContainEqual(expect.objectContaining({ method: 'tools/call', name: 'search' }))
  })

  test('agents-12: accepted baggage is a list, and so is that which is sent', async () => {
    expect((await search({ acceptBaggage: ['user.id'] })).session).toBe('none')
    seen.reset()
    expect((await search({}, { sendBaggage: ['user.id'] })).session).toBe('none')
    seen.reset()
    expect((await search({}, { sendBaggage: ['session.id'] })).session).toBe('s-42')
  })
})

describe('a trust function that throws', () => {
  const seen = telemetryOfTest()

  test('agents-12: lets nothing in', async () => {
    const trust = (): never => {
      throw new Error('broken')
    }
    const wired = await wirings[0]!.wire({ server: { trust } })
    expect(await inSpan('agent run', () => wired.call('search', { query: 'ships' }))).toBe('none')
    await wired.close()
    expect(seen.takeWarnings()).toEqual([expect.stringContaining('options.trust()') as string])
  })
})

describe.each([
  ['SDK 1', Client1, Http1],
  ['SDK 2', Client2, Http2],
] as const)('baggage to a server somewhere else, %s', (_, Client, Http) => {
  telemetryOfTest()

  async function sessionAt(url: string, options: McpOptions = {}): Promise<string | undefined> {
    const handler = createMcpHandler(() => traceMcp(makeServer2()))
    const fetchHere = (to: string | URL, init?: RequestInit) => handler.fetch(new Request(to, init))
    const client = traceMcp(new Client({ name: 'agent', version: '1.0.0' }) as Client1, options)
    await client.connect(new Http(new URL(url), { fetch: fetchHere }) as never)
    const result = await inSpan('agent run', () =>
      client.callTool({ name: 'search', arguments: { query: 'ships' } }),
    )
    await client.close()
    await handler.close()
    return (result.content as { text?: string }[])[0]?.text
  }

  test.each([
    ['https://tools.example.com/mcp', {}, 'none'],
    ['https://tools.example.com/mcp', { baggageTo: ['other.example.com'] }, 'none'],
    ['https://tools.example.com.evil.test/mcp', { baggageTo: ['tools.example.com'] }, 'none'],
    ['https://tools.example.com/mcp', { baggageTo: ['Tools.example.com'] }, 's-42'],
    ['https://tools.example.com/mcp', { baggageTo: ['tools.example.com:443'] }, 's-42'],
    ['https://tools.example.com:8443/mcp', { baggageTo: ['tools.example.com:443'] }, 'none'],
    ['http://127.0.0.1:8080/mcp', {}, 's-42'],
    ['http://[::1]:8080/mcp', {}, 's-42'],
    ['http://localhost/mcp', {}, 's-42'],
    ['http://127.0.0.1.example.com/mcp', {}, 'none'],
  ])('agents-12: to %s with %j: %s', async (url, options, expected) => {
    expect(await sessionAt(url, options)).toBe(expected)
  })
})
