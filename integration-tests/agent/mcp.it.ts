import { Client as Client2, InMemoryTransport as InMemory2 } from '@modelcontextprotocol/client'
import { Client as Client1 } from '@modelcontextprotocol/sdk/client/index.js'
import { InMemoryTransport as InMemory1 } from '@modelcontextprotocol/sdk/inMemory.js'
import { McpServer as Server1 } from '@modelcontextprotocol/sdk/server/mcp.js'
import { McpServer as Server2 } from '@modelcontextprotocol/server'
import { trace } from '@opentelemetry/api'
import { attachUsage, mergeUsage, usageSpanProcessor, withAgentSpan } from '@waybill/agent'
import { traceTree } from '@waybill/core/testing'
import { traceMcp } from '@waybill/mcp'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { installSdk, type TestTelemetry } from '../telemetry.ts'

interface ToolResult {
  readonly isError?: boolean | undefined
  readonly content: unknown
  readonly _meta?: Record<string, unknown> | undefined
}
const text = (words: string) => ({ content: [{ type: 'text' as const, text: words }] })

/** An agent behind a tool of an MCP server, which is one below who calls the tool. */
async function search() {
  return withAgentSpan({ name: 'searcher', role: 'specialist', maxDepth: 1 }, ({ depth, caller }) => {
    const attributes = { 'gen_ai.operation.name': 'chat', 'gen_ai.usage.input_tokens': 100 }
    trace.getTracer('model').startSpan('chat', { attributes }).end()
    return { ...text(`${depth} ${caller}`), _meta: attachUsage({}) }
  })
}

const sdks = {
  1: async () => {
    const server = traceMcp(new Server1({ name: 'corpus', version: '1' }))
    server.registerTool('search', {}, search)
    const client = traceMcp(new Client1({ name: 'agent', version: '1' }))
    const [near, far] = InMemory1.createLinkedPair()
    await server.connect(far)
    await client.connect(near)
    return {
      call: () => client.callTool({ name: 'search' }) as Promise<ToolResult>,
      close: () => client.close(),
    }
  },
  2: async () => {
    const server = traceMcp(new Server2({ name: 'corpus', version: '1' }))
    server.registerTool('search', {}, search)
    const client = traceMcp(new Client2({ name: 'agent', version: '1' }))
    const [near, far] = InMemory2.createLinkedPair()
    await server.connect(far)
    await client.connect(near)
    return {
      call: () => client.callTool({ name: 'search' }) as Promise<ToolResult>,
      close: () => client.close(),
    }
  },
}

describe.each([1, 2] as const)('delegation over MCP, SDK %s', (sdk) => {
  let telemetry: TestTelemetry
  let peers: Awaited<ReturnType<(typeof sdks)[1]>>
  beforeEach(async () => {
    telemetry = installSdk({ processors: [usageSpanProcessor()] })
    peers = await sdks[sdk]()
    telemetry.recorder.reset()
  })
  afterEach(async () => {
    await peers.close()
    expect(telemetry.recorder.open).toEqual([])
    await telemetry.uninstall()
  })

  test(`agents-15: an agent behind a tool is one deeper, and knows its caller (MCP SDK ${sdk})`, async () => {
    const result = await withAgentSpan({ name: 'asker' }, async () => {
      const answer = await peers.call()
      mergeUsage(answer._meta)
      return answer
    })
    expect(result).toMatchObject(text('1 asker'))
    expect(traceTree(telemetry.recorder.spans, { attributes: ['app.agent.delegation.depth'] })).toBe(
      [
        'invoke_agent asker [app.agent.delegation.depth=0]',
        '  tools/call search',
        '    tools/call search',
        '      invoke_agent searcher [app.agent.delegation.depth=1]',
        '        chat',
      ].join('\n'),
    )
    expect(telemetry.recorder.spans.at(-1)?.attributes).toMatchObject({
      'app.agent.usage.self.calls': 0,
      'app.agent.usage.subtree.input_tokens': 100,
      'app.agent.usage.subtree.complete': true,
    })
  })

  test(`agents-16: past maxDepth the tool answers with an error (MCP SDK ${sdk})`, async () => {
    const result = await withAgentSpan({ name: 'a' }, () => withAgentSpan({ name: 'b' }, () => peers.call()))
    expect(result.isError).toBe(true)
    expect(JSON.stringify(result.content)).toContain('delegation depth 2 is past maxDepth 1')
  })
})
