import { traceTree } from '@waybill/core/testing'
import { InMemoryTransport } from '@modelcontextprotocol/sdk/inMemory.js'
import { Client } from '@modelcontextprotocol/sdk/client/index.js'
import { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js'
import { RootsListChangedNotificationSchema } from '@modelcontextprotocol/sdk/types.js'
import { traceMcp } from '@waybill/mcp'
import { describe, expect, test, vi } from 'vitest'
import { inSpan, mark, sessionId, telemetryOfTest, traceOf } from './telemetry-of-test.ts'
import { wirings } from './wirings.ts'

describe.each(wirings)('$name', ({ wire }) => {
  const seen = telemetryOfTest()

  test("agents-7: progress of an untraced server runs in the caller's context", async () => {
    const wired = await wire({ server: false })
    const sessions: unknown[] = []
    const onprogress = (): void => {
      sessions.push(sessionId())
      mark('progress')
    }
    await inSpan('agent run', () => wired.report(onprogress))
    await wired.close()
    expect(sessions).toEqual(['s-42'])
    expect(traceTree(traceOf(seen.spans, 'agent run'))).toBe('agent run\n  tools/call report\n  progress')
  })

  test('agents-7: progress carries context, which the callback does not get to see', async () => {
    const wired = await wire()
    const received: object[] = []
    const onprogress = (progress: object): void => {
      received.push(progress)
      mark('progress')
    }
    await inSpan('agent run', () => wired.report(onprogress))
    const spans = [...(await wired.close()), ...seen.spans]
    expect(received).toEqual([{ progress: 1 }])
    expect(traceTree(traceOf(spans, 'agent run'))).toBe(
      'agent run\n  tools/call report\n    tools/call report\n      progress',
    )
  })
})

describe('a notification', () => {
  const seen = telemetryOfTest()

  async function connected(traced: boolean) {
    const info = { name: 'peer', version: '1.0.0' }
    const [near, far] = InMemoryTransport.createLinkedPair()
    const server = traceMcp(new McpServer(info))
    const client = new Client(info, { capabilities: { roots: { listChanged: true } } })
    server.server.setNotificationHandler(RootsListChangedNotificationSchema, () => mark('roots changed'))
    await inSpan('start-up', async () => {
      await server.connect(far)
      await (traced ? traceMcp(client) : client).connect(near)
    })
    seen.reset()
    return client
  }

  test("agents-7: its handler runs in the sender's context, and it has no span", async () => {
    const client = await connected(true)
    await inSpan('agent run', () => client.sendRootsListChanged())
    await vi.waitFor(() => expect(seen.named('roots changed')).toHaveLength(1))
    expect(traceTree(seen.spans)).toBe('agent run\n  roots changed')
    await client.close()
  })

  test('agents-7: from an untraced peer it belongs to nobody', async () => {
    const client = await connected(false)
    await inSpan('agent run', () => client.sendRootsListChanged())
    await vi.waitFor(() => expect(seen.named('roots changed')).toHaveLength(1))
    expect(seen.named('roots changed')[0]?.parentSpanContext).toBeUndefined()
    await client.close()
  })
})
