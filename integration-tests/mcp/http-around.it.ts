import { context, propagation, ROOT_CONTEXT, SpanKind, trace } from '@opentelemetry/api'
import { UndiciInstrumentation } from '@opentelemetry/instrumentation-undici'
import { Client as Client2, StreamableHTTPClientTransport as Http2 } from '@modelcontextprotocol/client'
import { Client as Client1 } from '@modelcontextprotocol/sdk/client/index.js'
import { StreamableHTTPClientTransport as Http1 } from '@modelcontextprotocol/sdk/client/streamableHttp.js'
import { WebStandardStreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/webStandardStreamableHttp.js'
import { createMcpHandler } from '@modelcontextprotocol/server'
import { traceTree } from '@waybill/core/testing'
import { traceMcp, type McpOptions } from '@waybill/mcp'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { toNodeHandler } from '@modelcontextprotocol/node'
import { randomUUID } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { makeServer1 } from './server-1.ts'
import { makeServer2 } from './server-2.ts'
import { inSpan, telemetryOfTest, traceOf } from './telemetry-of-test.ts'

type Fetch = (url: string | URL, init?: RequestInit) => Promise<Response>

/** A server as its HTTP side sees it, a client over a `fetch`, and what both take to be closed. */
interface Setup {
  serve(
    options: McpOptions,
  ): Promise<{ handle: (request: Request) => Promise<Response>; close(): Promise<void> }>
  connect(
    fetch: Fetch,
    traced: boolean,
  ): Promise<{ call(): Promise<string | undefined>; close(): Promise<void> }>
}

const search = { name: 'search', arguments: { query: 'ships' } }
const info = { name: 'agent', version: '1.0.0' }
const textOf = (result: Record<string, unknown>) => (result['content'] as { text?: string }[])[0]?.text
/** A name by which the test knows the request. */
const nameOf = ({ body }: RequestInit = {}): string =>
  `HTTP ${typeof body === 'string' ? (JSON.parse(body) as { method?: string }).method : 'GET'}`
const url = new URL('http://localhost/mcp')

const sdk1: Setup = {
  async serve(options) {
    const server = traceMcp(makeServer1(), options)
    const transport = new WebStandardStreamableHTTPServerTransport({ sessionIdGenerator: randomUUID })
    await server.connect(transport)
    return { handle: (request) => transport.handleRequest(request), close: () => server.close() }
  },
  async connect(fetch, traced) {
    const client = traced ? traceMcp(new Client1(info)) : new Client1(info)
    await client.connect(new Http1(url, { fetch }))
    return { call: async () => textOf(await client.callTool(search)), close: () => client.close() }
  },
}

const sdk2: Setup = {
  async serve(options) {
    const handler = createMcpHandler(() => traceMcp(makeServer2(), options))
    return { handle: (request) => handler.fetch(request), close: () => handler.close() }
  },
  async connect(fetch, traced) {
    const made = new Client2(info, { versionNegotiation: { mode: { pin: '2026-07-28' } } })
    const client = traced ? traceMcp(made) : made
    await client.connect(new Http2(url, { fetch }))
    return { call: async () => textOf(await client.callTool(search)), close: () => client.close() }
  },
}

describe.each([
  ['SDK 1', sdk1],
  ['SDK 2, 2026-07-28', sdk2],
])('below the span of an HTTP server, %s', (_, { serve, connect }) => {
  const seen = telemetryOfTest()

  async function run(traced: boolean, options: McpOptions = {}) {
    // Made, and connected, inside a span that is none of the requests'.
    const { handle, close } = await inSpan('start-up', () => serve(options))
    // What HTTP instrumentation does: a SERVER span a request, in the context of its headers.
    const fetchHere: Fetch = (to, init) => {
      const headers = {
        traceparent: `00-${'e'.repeat(32)}-${'e'.repeat(16)}-01`,
        baggage: 'session.id=s-http',
      }
      const incoming = propagation.extract(ROOT_CONTEXT, headers)
      return context.with(incoming, () =>
        trace.getTracer('http').startActiveSpan(nameOf(init), { kind: SpanKind.SERVER }, async (span) => {
          const response = await handle(new Request(to, init))
          const body = await response.text()
          span.end()
          return new Response(body === '' ? null : body, response)
        }),
      )
    }
    const client = await connect(fetchHere, traced)
    const session = await inSpan('agent run', () => client.call())
    const [call] = seen.named('tools/call search').filter(({ kind }) => kind === SpanKind.SERVER)
    const [post] = seen.named('HTTP tools/call')
    await client.close()
    await close()
    return { session, call, post: post?.spanContext().spanId }
  }

  test('the caller is the parent, the HTTP request is linked', async () => {
    const { session, call, post } = await run(true)
    expect(call?.links.map((link) => link.context.spanId)).toEqual([post])
    expect(traceTree(traceOf(seen.spans, 'agent run'))).toBe(
      'agent run\n  tools/call search\n    tools/call search\n      look up ships',
    )
    expect(session).toBe('s-42')
  })

  test('of a client that carries nothing, the HTTP request is the parent, with its baggage', async () => {
    const { session, call, post } = await run(false)
    expect(call?.parentSpanContext?.spanId).toBe(post)
    expect(call?.links).toEqual([])
    expect(call?.attributes['waybill.root.reason']).toBeUndefined()
    expect(session).toBe('s-http')
  })

  test('where nobody is trusted it is linked as well', async () => {
    const { session, call, post } = await run(true, { trust: 'link' })
    expect(call?.parentSpanContext).toBeUndefined()
    expect(call?.links.map((link) => link.context.spanId)).toContain(post)
    expect(call?.links).toHaveLength(2)
    expect(session).toBe('none')
  })
})

describe('beside instrumentation of fetch', () => {
  const seen = telemetryOfTest()

  test('headers carry context too, of the HTTP request below the call', async () => {
    const headers: (string | undefined)[] = []
    const handler = createMcpHandler(() => traceMcp(makeServer2()))
    const node = toNodeHandler(handler)
    const http = createServer((request, response) => {
      headers.push(request.headers['traceparent'] as string | undefined)
      void node(request as never, response)
    })
    await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve))
    const instrumentation = new UndiciInstrumentation()
    const client = traceMcp(new Client2(info, { versionNegotiation: { mode: { pin: '2026-07-28' } } }))
    await client.connect(new Http2(new URL(`http://127.0.0.1:${(http.address() as AddressInfo).port}/mcp`)))
    headers.length = 0
    await inSpan('agent run', () => client.callTool(search))
    await client.close()
    await handler.close()
    http.closeAllConnections()
    await new Promise((resolve) => http.close(resolve))
    instrumentation.disable()

    const run = traceOf(seen.spans, 'agent run')
    const post = run.find(({ name }) => name === 'POST')
    expect(headers[0]).toBe(`00-${post?.spanContext().traceId}-${post?.spanContext().spanId}-01`)
    expect(traceTree(run.filter((span) => span !== post))).toBe(
      'agent run\n  tools/call search\n    tools/call search\n      look up ships',
    )
    const call = run.find(({ name, kind }) => name === 'tools/call search' && kind === SpanKind.CLIENT)
    expect(post?.parentSpanContext?.spanId).toBe(call?.spanContext().spanId)
  })
})
