import { Client as Client2, InMemoryTransport as InMemory2 } from '@modelcontextprotocol/client'
import { Client as Client1 } from '@modelcontextprotocol/sdk/client/index.js'
import { InMemoryTransport as InMemory1 } from '@modelcontextprotocol/sdk/inMemory.js'
import { McpServer as McpServer1 } from '@modelcontextprotocol/sdk/server/mcp.js'
import { McpServer as McpServer2 } from '@modelcontextprotocol/server'
import { traceMcp } from '@waybill/mcp'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { installSdk, type TestTelemetry } from '../../../integration-tests/telemetry.ts'
import { connectionOf } from '../src/connection.ts'

const info = { name: 'peer', version: '1.0.0' }
const never = (): Promise<never> => new Promise(() => undefined)

async function connected1() {
  const [near, far] = InMemory1.createLinkedPair()
  const [server, client] = [traceMcp(new McpServer1(info)), traceMcp(new Client1(info))]
  server.registerTool('wait', {}, never)
  await server.connect(far)
  await client.connect(near)
  const call = (signal: AbortSignal) => client.callTool({ name: 'wait' }, undefined, { signal })
  return { near, far, client, call }
}

async function connected2() {
  const [near, far] = InMemory2.createLinkedPair()
  const [server, client] = [traceMcp(new McpServer2(info)), traceMcp(new Client2(info))]
  server.registerTool('wait', {}, never)
  await server.connect(far)
  await client.connect(near)
  const call = (signal: AbortSignal) => client.callTool({ name: 'wait' }, { signal })
  return { near, far, client, call }
}

describe.each([
  ['SDK 1', connected1],
  ['SDK 2', connected2],
])('open calls, %s', (_, connect) => {
  let telemetry: TestTelemetry
  beforeEach(() => {
    telemetry = installSdk()
  })
  afterEach(() => telemetry.uninstall())

  test('agents-8: after 1,000 cancelled calls nothing is open on either side', async () => {
    const { near, far, client, call } = await connect()
    telemetry.recorder.reset()
    const cancels = Array.from({ length: 1000 }, () => new AbortController())
    const calls = cancels.map(({ signal }) => call(signal).catch(() => 'cancelled'))
    await vi.waitFor(() => expect(connectionOf(near)?.calls.size).toBe(1000))
    expect(connectionOf(far)?.serves.size).toBe(1000)
    for (const cancel of cancels) cancel.abort('no longer wanted')
    expect(new Set(await Promise.all(calls))).toEqual(new Set(['cancelled']))

    for (const transport of [near, far]) {
      expect(connectionOf(transport)?.calls.size).toBe(0)
      expect(connectionOf(transport)?.serves.size).toBe(0)
    }
    expect(telemetry.recorder.open).toEqual([])
    expect(telemetry.recorder.started).toBe(2000)
    for (const { attributes } of telemetry.recorder.spans) expect(attributes['error.type']).toBe('cancelled')
    await client.close()
  })
})
