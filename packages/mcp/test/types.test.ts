import { Client as Client2 } from '@modelcontextprotocol/client'
import { Client as Client1 } from '@modelcontextprotocol/sdk/client/index.js'
import { McpServer as McpServer1 } from '@modelcontextprotocol/sdk/server/mcp.js'
import { McpServer as McpServer2, Server as Server2 } from '@modelcontextprotocol/server'
import { traceMcp, traceTool } from '@waybill/mcp'
import { expectTypeOf, test } from 'vitest'

const info = { name: 'peer', version: '1.0.0' }

test('the peers of both SDKs keep their types', () => {
  expectTypeOf(traceMcp(new Client1(info))).toEqualTypeOf<Client1>()
  expectTypeOf(traceMcp(new Client2(info))).toEqualTypeOf<Client2>()
  expectTypeOf(traceMcp(new McpServer1(info))).toEqualTypeOf<McpServer1>()
  expectTypeOf(traceMcp(new McpServer2(info))).toEqualTypeOf<McpServer2>()
  expectTypeOf(traceMcp(new Server2(info))).toEqualTypeOf<Server2>()
})

test('handlers keep theirs', () => {
  const handler = async ({ query }: { query: string }) => ({
    content: [{ type: 'text' as const, text: query }],
  })
  expectTypeOf(traceTool(handler, { name: 'search' })).toEqualTypeOf<typeof handler>()
})

test('other things that connect are a compile error', () => {
  const queue = { connect: async () => undefined }
  // @ts-expect-error: neither handlers nor a server within
  void (() => traceMcp(queue))
})
