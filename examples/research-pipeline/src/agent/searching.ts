import { fileURLToPath } from 'node:url'
import { Client } from '@modelcontextprotocol/client'
import { StdioClientTransport } from '@modelcontextprotocol/client/stdio'
import { traceMcp } from '@waybill/mcp'
import type { Passage } from '../messages.ts'
import { type Briefing, writeBriefing } from './briefing.ts'

/** The search tool, at the other end of a pipe. */
export interface SearchTool {
  /** The passages that are nearest to a query, the nearest first. */
  search(query: string, count: number): Promise<Passage[]>
  /** Ends the tool's process, once it has sent its spans. */
  close(): Promise<void>
}

/**
 * The MCP server as a child of this process, over stdio. It is started when it is first needed: so its start is part of the
 * request that waits for it, and yet later requests are no part of that one, although the connection was made in its context.
 */
export function searchTool(briefing: Briefing): SearchTool {
  let connected: Promise<Client> | undefined
  return {
    async search(query, count) {
      const client = await (connected ??= connect(briefing))
      const { content, isError } = await client.callTool({ name: 'search', arguments: { query, count } })
      const [first] = content
      const text = first?.type === 'text' ? first.text : ''
      if (isError === true) throw new Error(`the search failed: ${text}`)
      return JSON.parse(text) as Passage[]
    },
    async close() {
      const client = await connected?.catch(() => undefined)
      await client?.close()
    },
  }
}

async function connect(briefing: Briefing): Promise<Client> {
  const plain = new Client({ name: briefing.agent, version: '1.0.0' })
  const client = briefing.waybill ? traceMcp(plain) : plain
  await client.connect(
    new StdioClientTransport({
      command: process.execPath,
      args: [
        '--conditions=waybill-source',
        '--no-warnings',
        fileURLToPath(new URL('../tools/vector-search.ts', import.meta.url)),
      ],
      // MCP's clients hand down hardly anything of their own environment.
      env: writeBriefing({ ...briefing, agent: 'vector-search' }),
    }),
  )
  return client
}
