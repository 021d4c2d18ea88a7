import { SpanKind, SpanStatusCode } from '@opentelemetry/api'
import { traceTree } from '@waybill/core/testing'
import { Client as Client1 } from '@modelcontextprotocol/sdk/client/index.js'
import { InMemoryTransport as InMemory1 } from '@modelcontextprotocol/sdk/inMemory.js'
import { McpServer as McpServer1 } from '@modelcontextprotocol/sdk/server/mcp.js'
import { Client as Client2, InMemoryTransport as InMemory2 } from '@modelcontextprotocol/client'
import { McpServer as McpServer2 } from '@modelcontextprotocol/server'
import { traceMcp, traceTool } from '@waybill/mcp'
import { describe, expect, test } from 'vitest'
import * as z from 'zod'
import { inSpan, mark, sessionId, telemetryOfTest, traceOf } from './telemetry-of-test.ts'

const info = { name: 'peer', version: '1.0.0' }
const text = (value = 'none') => ({ content: [{ type: 'text' as const, text: value }] })
const search = traceTool(
  ({ query }: { query: string }) => {
    mark(`look up ${query}`)
    return text(sessionId())
  },
  { name: 'search' },
)
const list = traceTool(() => text(sessionId()), { name: 'list' })
const refuse = traceTool(() => ({ ...text('no'), isError: true }), { name: 'refuse' })
const broken = new RangeError('out of reach')
const fail = traceTool(
  async () => {
    throw broken
  },
  { name: 'fail' },
)

/** The part of a client that these tests use. */
interface Caller {
  callTool(params: {
    name: string
    arguments?: Record<string, unknown>
  }): Promise<{ [name: string]: unknown }>
  close(): Promise<void>
}

async function sdk1(traced: boolean): Promise<Caller> {
  const server = new McpServer1(info)
  server.registerTool('search', { inputSchema: { query: z.string() } }, search)
  server.registerTool('list', {}, list)
  server.registerTool('refuse', {}, refuse)
  server.registerTool('fail', {}, fail)
  const [near, far] = InMemory1.createLinkedPair()
  await (traced ? traceMcp(server) : server).connect(far)
  const client = traceMcp(new Client1(info))
  await client.connect(near)
  return client
}

async function sdk2(traced: boolean): Promise<Caller> {
  const server = new McpServer2(info)
  server.registerTool('search', { inputSchema: z.object({ query: z.string() }) }, search)
  server.registerTool('list', {}, list)
  server.registerTool('refuse', {}, refuse)
  server.registerTool('fail', {}, fail)
  const [near, far] = InMemory2.createLinkedPair()
  await (traced ? traceMcp(server) : server).connect(far)
  const client = traceMcp(new Client2(info))
  await client.connect(near)
  return client
}

describe.each([
  ['SDK 1', sdk1],
  ['SDK 2', sdk2],
] as const)('traceTool, %s', (_, connected) => {
  const seen = telemetryOfTest()
  const oneTrace = 'agent run\n  tools/call search\n    tools/call search\n      look up ships'

  test.each([false, true])(
    'a handler in the trace of its caller; server traced as well: %s',
    async (traced) => {
      const client = await connected(traced)
      const params = { name: 'search', arguments: { query: 'ships' } }
      const result = await inSpan('agent run', () => client.callTool(params))
      expect(result['content']).toEqual(text('s-42').content)
      expect(traceTree(traceOf(seen.spans, 'agent run'))).toBe(oneTrace)
      await client.close()
    },
  )

  test('without arguments, too', async () => {
    const client = await connected(false)
    expect((await inSpan('agent run', () => client.callTool({ name: 'list' })))['content']).toEqual(
      text('s-42').content,
    )
    await client.close()
  })

  test('what it returns or throws is on its span', async () => {
    const client = await connected(false)
    await client.callTool({ name: 'refuse' })
    await client.callTool({ name: 'fail' })
    const [refused, failed] = ['refuse', 'fail'].map((name) =>
      seen.named(`tools/call ${name}`).find(({ kind }) => kind === SpanKind.SERVER),
    )
    expect(refused?.attributes['error.type']).toBe('tool_error')
    expect(failed?.attributes['error.type']).toBe('RangeError')
    expect(failed?.status).toEqual({ code: SpanStatusCode.ERROR, message: 'out of reach' })
    await client.close()
  })
})

describe('traceTool by itself', () => {
  const seen = telemetryOfTest()

  test('this, arguments, result and error are those of the handler', async () => {
    const tool = traceTool(
      function (this: { name: string }, ...args: unknown[]) {
        return [this.name, ...args]
      },
      { name: 'echo' },
    )
    expect(tool.call({ name: 'server' }, 1, { _meta: null })).toEqual(['server', 1, { _meta: null }])
    await expect(fail()).rejects.toBe(broken)
    expect(seen.spans).toHaveLength(2)
  })
})
