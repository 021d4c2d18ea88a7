import { traceTree } from '@waybill/core/testing'
import { Client as Client1 } from '@modelcontextprotocol/sdk/client/index.js'
import { InMemoryTransport as InMemory1 } from '@modelcontextprotocol/sdk/inMemory.js'
import { Client as Client2, InMemoryTransport as InMemory2 } from '@modelcontextprotocol/client'
import { traceMcp, type McpPeer, type McpProtocol } from '@waybill/mcp'
import { describe, expect, test } from 'vitest'
import { makeServer1 } from './server-1.ts'
import { makeServer2 } from './server-2.ts'
import { inSpan, telemetryOfTest, traceOf } from './telemetry-of-test.ts'

const info = { name: 'agent', version: '1.0.0' }

/** The slice of the peers that both SDKs have. */
interface Made {
  readonly pair: readonly [Transport, Transport]
  readonly server: McpPeer & { readonly server: McpProtocol }
  readonly client: McpPeer & Called
}
interface Transport {
  onmessage?: (message: object) => void
  onclose?: () => void
}
interface Called {
  callTool(params: object): Promise<unknown>
  close(): Promise<void>
}

const made1 = (): Made => ({
  pair: InMemory1.createLinkedPair() as never,
  server: makeServer1(),
  client: new Client1(info) as McpPeer & Called,
})
const made2 = (): Made => ({
  pair: InMemory2.createLinkedPair() as never,
  server: makeServer2(),
  client: new Client2(info) as McpPeer & Called,
})

describe.each([
  ['SDK 1', made1],
  ['SDK 2', made2],
])('%s', (_, make) => {
  const seen = telemetryOfTest()
  const search = { name: 'search', arguments: { query: 'ships' } }
  const oneTrace = 'agent run\n  tools/call search\n    tools/call search\n      look up ships'

  test('agents-11: wrapped twice, as itself and as the server within: one span a side', async () => {
    const { pair, server, client } = make()
    expect(traceMcp(traceMcp(server))).toBe(server)
    expect(traceMcp(server.server)).toBe(server.server)
    expect(traceMcp(traceMcp(client))).toBe(client)
    await server.connect(pair[1] as never)
    await client.connect(pair[0] as never)
    await inSpan('agent run', () => client.callTool(search))
    expect(traceTree(traceOf(seen.spans, 'agent run'))).toBe(oneTrace)
    await client.close()
  })

  test('agents-11: wrapped when it is connected already, and again when the transport is taken once more', async () => {
    const { pair, server, client } = make()
    await server.connect(pair[1] as never)
    await client.connect(pair[0] as never)
    traceMcp(server)
    traceMcp(client)
    traceMcp(server.server)
    await inSpan('agent run', () => client.callTool(search))
    expect(traceTree(traceOf(seen.spans, 'agent run'))).toBe(oneTrace)
    await client.close()
  })

  test('agents-11: what was on the transport before is called as it is without us', async () => {
    const counts = async (trace: <P extends McpPeer>(peer: P) => P) => {
      const { pair, server, client } = make()
      const [near, far] = pair
      const seenThere = { messages: 0, requests: 0, closed: 0 }
      near.onmessage = () => void seenThere.messages++
      far.onmessage = () => void seenThere.requests++
      near.onclose = () => void seenThere.closed++
      await trace(server).connect(far as never)
      await trace(client).connect(near as never)
      await client.callTool(search)
      await client.close()
      return seenThere
    }
    const bare = await counts((peer) => peer)
    expect(bare.messages).toBeGreaterThan(1)
    expect(bare.requests).toBeGreaterThan(1)
    seen.reset()
    expect(await counts((peer) => traceMcp(peer))).toEqual(bare)
    expect(seen.named('tools/call search')).toHaveLength(2)
  })
})
