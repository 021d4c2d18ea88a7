import { randomUUID } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import os from 'node:os'
import path from 'node:path'
import {
  Client as Client2,
  InMemoryTransport as InMemory2,
  StreamableHTTPClientTransport as Http2,
} from '@modelcontextprotocol/client'
import { StdioClientTransport as Stdio2 } from '@modelcontextprotocol/client/stdio'
import { NodeStreamableHTTPServerTransport, toNodeHandler } from '@modelcontextprotocol/node'
import { Client as Client1 } from '@modelcontextprotocol/sdk/client/index.js'
import { StdioClientTransport as Stdio1 } from '@modelcontextprotocol/sdk/client/stdio.js'
import { StreamableHTTPClientTransport as Http1 } from '@modelcontextprotocol/sdk/client/streamableHttp.js'
import { InMemoryTransport as InMemory1 } from '@modelcontextprotocol/sdk/inMemory.js'
import { SSEClientTransport as Sse1 } from '@modelcontextprotocol/sdk/client/sse.js'
import { SSEServerTransport } from '@modelcontextprotocol/sdk/server/sse.js'
import { StreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/streamableHttp.js'
import { CreateMessageRequestSchema, ElicitRequestSchema } from '@modelcontextprotocol/sdk/types.js'
import { createMcpHandler } from '@modelcontextprotocol/server'
import { context, ROOT_CONTEXT } from '@opentelemetry/api'
import { traceMcp, type McpOptions } from '@waybill/mcp'
import type { RecordedSpan } from '@waybill/core/testing'
import { makeServer1 } from './server-1.ts'
import { makeServer2 } from './server-2.ts'
import { read, type WrittenSpan } from './written-span.ts'

/** What may differ between two peers that are wired. */
export interface WiringOptions {
  /** Options of the traced side, or false for one without Waybill. */
  readonly client?: McpOptions | false
  readonly server?: McpOptions | false
  /** What the client does when the server asks it. */
  readonly asked?: (method: string) => void
}

export interface CallOptions {
  readonly signal?: AbortSignal
  readonly timeout?: number
  readonly onprogress?: (progress: object) => void
}

/** A client and a server that are connected. */
export interface Wired {
  readonly client: Client1 | Client2
  /** Calls a tool; what its first content says. */
  call(name: string, args?: Record<string, unknown>, options?: CallOptions): Promise<string | undefined>
  /** Calls `report`, a tool that tells its progress once, and lets that end when it was told. */
  report(onprogress: (progress: object) => void): Promise<void>
  /** Has the server say that its tools have changed. */
  toolsChanged(): Promise<unknown>
  /** Closes both; spans of a server in another process. */
  close(): Promise<readonly RecordedSpan[]>
}

type Revision = '2025-11-25' | '2026-07-28'
type Wiring = (options?: WiringOptions) => Promise<Wired>

const CAPABILITIES = { sampling: {}, elicitation: {} }
const ANSWERS = {
  'sampling/createMessage': { model: 'm', role: 'assistant', content: { type: 'text', text: 'short' } },
  'elicitation/create': { action: 'accept', content: { sure: true } },
} as const

function client1({ client, asked }: WiringOptions): Client1 {
  const made = new Client1({ name: 'agent', version: '1.0.0' }, { capabilities: CAPABILITIES })
  const answer = <M extends keyof typeof ANSWERS>(method: M) => {
    asked?.(method)
    return ANSWERS[method]
  }
  made.setRequestHandler(CreateMessageRequestSchema, () => answer('sampling/createMessage'))
  made.setRequestHandler(ElicitRequestSchema, () => answer('elicitation/create'))
  return client === false ? made : traceMcp(made, client)
}

function client2(revision: Revision, { client, asked }: WiringOptions): Client2 {
  const made = new Client2(
    { name: 'agent', version: '1.0.0' },
    {
      capabilities: CAPABILITIES,
      versionNegotiation: { mode: revision === '2026-07-28' ? { pin: revision } : 'legacy' },
    },
  )
  const answer = <M extends keyof typeof ANSWERS>(method: M) => {
    asked?.(method)
    return ANSWERS[method]
  }
  made.setRequestHandler('sampling/createMessage', () => answer('sampling/createMessage'))
  made.setRequestHandler('elicitation/create', () => answer('elicitation/create'))
  return client === false ? made : traceMcp(made, client)
}

function wired(
  client: Client1 | Client2,
  end: () => Promise<readonly RecordedSpan[]>,
  toolsChanged?: () => void,
): Wired {
  const call: Wired['call'] = async (name, args = {}, options) => {
    const params = { name, arguments: args }
    const result =
      client instanceof Client1
        ? await client.callTool(params, undefined, options)
        : await client.callTool(params, options)
    const [content] = result.content as { text?: string }[]
    return content?.text
  }
  return {
    client,
    call,
    toolsChanged: async () => (toolsChanged === undefined ? call('change') : toolsChanged()),
    async report(onprogress) {
      let released: unknown
      const told = (progress: object): void => {
        onprogress(progress)
        released = context.with(ROOT_CONTEXT, () => call('release'))
      }
      await call('report', {}, { onprogress: told })
      await released
    },
    async close() {
      await client.close()
      return end()
    },
  }
}

/** A server in a process of its own, and the spans that it leaves. */
function child(file: string, { server }: WiringOptions) {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'waybill-mcp-'))
  const spansFile = path.join(folder, 'spans.json')
  return {
    parameters: {
      command: process.execPath,
      args: ['--no-warnings', '--conditions=waybill-source', path.join(import.meta.dirname, 'child', file)],
      env: { SPANS_FILE: spansFile, ...(server === false && { UNTRACED: '1' }) },
    },
    async end() {
      const { spans, open } = JSON.parse(readFileSync(spansFile, 'utf8')) as {
        spans: WrittenSpan[]
        open: string[]
      }
      rmSync(folder, { recursive: true })
      if (open.length > 0) throw new Error(`open in the server: ${open.join(', ')}`)
      return spans.map(read)
    },
  }
}

async function listening(handler: RequestListener) {
  const http = createServer(handler)
  await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve))
  return {
    url: new URL(`http://127.0.0.1:${(http.address() as AddressInfo).port}/mcp`),
    async end() {
      http.closeAllConnections()
      await new Promise((resolve) => http.close(resolve))
      return []
    },
  }
}

const inMemory1: Wiring = async (options = {}) => {
  const [near, far] = InMemory1.createLinkedPair()
  const server = makeServer1()
  if (options.server !== false) traceMcp(server, options.server)
  await server.connect(far)
  const client = client1(options)
  await client.connect(near)
  return wired(client, async () => [])
}

const stdio1: Wiring = async (options = {}) => {
  const { parameters, end } = child('server-1.ts', options)
  const client = client1(options)
  await client.connect(new Stdio1(parameters))
  return wired(client, end)
}

const http1: Wiring = async (options = {}) => {
  const server = makeServer1()
  if (options.server !== false) traceMcp(server, options.server)
  const transport = new StreamableHTTPServerTransport({ sessionIdGenerator: randomUUID })
  await server.connect(transport)
  const { url, end } = await listening((request, response) => void transport.handleRequest(request, response))
  const client = client1(options)
  await client.connect(new Http1(url))
  return wired(client, async () => {
    await server.close()
    return end()
  })
}

/** The transport before streamable HTTP, which many servers still have: a GET stream, and a POST for each message. */
const sse1: Wiring = async (options = {}) => {
  const server = makeServer1()
  if (options.server !== false) traceMcp(server, options.server)
  let transport: SSEServerTransport | undefined
  const { url, end } = await listening((request, response) => {
    if (request.method === 'POST') void transport?.handlePostMessage(request, response)
    else {
      transport = new SSEServerTransport('/messages', response)
      void server.connect(transport)
    }
  })
  const client = client1(options)
  await client.connect(new Sse1(url))
  return wired(client, async () => {
    await server.close()
    return end()
  })
}

const inMemory2: Wiring = async (options = {}) => {
  const [near, far] = InMemory2.createLinkedPair()
  const server = makeServer2()
  if (options.server !== false) traceMcp(server, options.server)
  await server.connect(far)
  const client = client2('2025-11-25', options)
  await client.connect(near)
  return wired(client, async () => [])
}

const stdio2 =
  (revision: Revision): Wiring =>
  async (options = {}) => {
    const { parameters, end } = child('server-2.ts', options)
    const client = client2(revision, options)
    await client.connect(new Stdio2(parameters))
    return wired(client, end)
  }

const http2Session: Wiring = async (options = {}) => {
  const server = makeServer2()
  if (options.server !== false) traceMcp(server, options.server)
  const transport = new NodeStreamableHTTPServerTransport({ sessionIdGenerator: randomUUID })
  await server.connect(transport)
  const { url, end } = await listening((request, response) => void transport.handleRequest(request, response))
  const client = client2('2025-11-25', options)
  await client.connect(new Http2(url))
  return wired(client, async () => {
    await server.close()
    return end()
  })
}

const http2: Wiring = async (options = {}) => {
  const handler = createMcpHandler(() => {
    const server = makeServer2()
    return options.server === false ? server : traceMcp(server, options.server)
  })
  const { url, end } = await listening(toNodeHandler(handler) as RequestListener)
  const client = client2('2026-07-28', options)
  await client.connect(new Http2(url))
  // Here no server lives longer than a request: the handler knows the subscriptions.
  const toolsChanged = () => handler.notify.toolsChanged()
  return wired(
    client,
    async () => {
      await handler.close()
      return end()
    },
    toolsChanged,
  )
}

export const wirings: readonly {
  readonly name: string
  readonly wire: Wiring
  readonly revision: Revision
}[] = [
  { name: 'SDK 1, in memory', wire: inMemory1, revision: '2025-11-25' },
  { name: 'SDK 1, stdio', wire: stdio1, revision: '2025-11-25' },
  { name: 'SDK 1, streamable HTTP', wire: http1, revision: '2025-11-25' },
  { name: 'SDK 1, HTTP with SSE', wire: sse1, revision: '2025-11-25' },
  { name: 'SDK 2, in memory', wire: inMemory2, revision: '2025-11-25' },
  { name: 'SDK 2, stdio, 2025-11-25', wire: stdio2('2025-11-25'), revision: '2025-11-25' },
  { name: 'SDK 2, stdio, 2026-07-28', wire: stdio2('2026-07-28'), revision: '2026-07-28' },
  { name: 'SDK 2, streamable HTTP, 2025-11-25', wire: http2Session, revision: '2025-11-25' },
  { name: 'SDK 2, streamable HTTP, 2026-07-28', wire: http2, revision: '2026-07-28' },
]
