import { SpanKind } from '@opentelemetry/api'
import { Client, InMemoryTransport } from '@modelcontextprotocol/client'
import { McpServer } from '@modelcontextprotocol/server'
import { traceTree } from '@waybill/core/testing'
import { traceMcp } from '@waybill/mcp'
import { describe, expect, test } from 'vitest'
import { makeServer2 } from './server-2.ts'
import { inSpan, telemetryOfTest, traceOf } from './telemetry-of-test.ts'

describe('a gateway, which is a server in front and a client behind', () => {
  const seen = telemetryOfTest()

  /** @param passOn whether it hands `_meta` on as it came */
  async function throughGateway(passOn: boolean) {
    const info = { name: 'gateway', version: '1.0.0' }
    const [[agentEnd, frontEnd], [backEnd, serverEnd]] = [
      InMemoryTransport.createLinkedPair(),
      InMemoryTransport.createLinkedPair(),
    ]
    const [server, back] = [traceMcp(makeServer2()), traceMcp(new Client(info))]
    const [front, agent] = [
      traceMcp(new McpServer(info)),
      traceMcp(new Client({ name: 'agent', version: '1' })),
    ]
    front.registerTool('meta', {}, async ({ mcpReq }) => {
      const meta = passOn && mcpReq._meta !== undefined && { _meta: mcpReq._meta }
      const { content } = await back.callTool({ name: 'meta', arguments: {}, ...meta })
      return { content }
    })
    await server.connect(serverEnd)
    await back.connect(backEnd)
    await front.connect(frontEnd)
    await agent.connect(agentEnd)
    const { content } = await inSpan('agent run', () =>
      agent.callTool({ name: 'meta', _meta: { 'com.example/tenant': 7 } }),
    )
    await agent.close()
    await back.close()
    const [first] = content as { text?: string }[]
    return JSON.parse(first?.text ?? '') as Record<string, unknown>
  }

  test.each([false, true])('agents-6: one trace, with `_meta` handed on: %s', async (passOn) => {
    const meta = await throughGateway(passOn)
    const run = traceOf(seen.spans, 'agent run')
    expect(traceTree(run)).toBe(
      'agent run\n  tools/call meta\n    tools/call meta\n      tools/call meta\n        tools/call meta',
    )
    const clients = run.filter(({ kind }) => kind === SpanKind.CLIENT)
    const behind = clients.find(({ parentSpanContext }) =>
      run.some(
        (span) => span.kind === SpanKind.SERVER && span.spanContext().spanId === parentSpanContext?.spanId,
      ),
    )
    // What was copied is replaced by what is true here, and linked.
    expect(meta['traceparent']).toContain(behind?.spanContext().spanId)
    expect(behind?.links).toHaveLength(passOn ? 1 : 0)
    expect(meta['com.example/tenant']).toBe(passOn ? 7 : undefined)
  })
})
