// An MCP server on stdio, a child of the agent that uses it: one tool, which searches the corpus by its vector index.
import { McpServer } from '@modelcontextprotocol/server'
import { serveStdio } from '@modelcontextprotocol/server/stdio'
import { SpanKind } from '@opentelemetry/api'
import { traceMcp } from '@waybill/mcp'
import * as z from 'zod'
import { readBriefing } from '../agent/briefing.ts'
import { readCorpus } from '../agent/corpus.ts'
import { step } from '../agent/step.ts'
import { startTelemetry } from '../agent/telemetry.ts'
import { createIndex } from '../search/vector-index.ts'

/** Less than MCP's clients wait until they kill. */
const PATIENCE_MS = 1_500

// Ctrl-C goes to every process of the terminal; ours ends when the agent lets go of the pipe, however it ends itself.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => {})
const { agent, tracesUrl, waybill } = readBriefing()
const endTelemetry = startTelemetry(agent, tracesUrl)
const index = createIndex(readCorpus())

function makeServer(): McpServer {
  const plain = new McpServer({ name: agent, version: '1.0.0' })
  const server = waybill ? traceMcp(plain) : plain
  server.registerTool(
    'search',
    {
      description: 'Passages of the corpus that are nearest to the query, the nearest first',
      inputSchema: z.object({ query: z.string(), count: z.number().int().min(1).max(20) }),
    },
    async ({ query, count }) => {
      const found = waybill ? await look(query, count) : await byHand(() => look(query, count))
      return { content: [{ type: 'text', text: JSON.stringify(found) }] }
    },
  )
  return server
}

/** The span of a client of a vector database, as instrumentations of those make it: the same in both runs. */
function look(query: string, count: number): Promise<unknown> {
  return step(
    'search passages',
    async (span) => {
      const hits = index.search(query, count)
      span.setAttribute('db.response.returned_rows', hits.length)
      return hits
    },
    {
      kind: SpanKind.CLIENT,
      attributes: {
        'db.system.name': 'usearch',
        'db.operation.name': 'search',
        'db.collection.name': 'passages',
      },
    },
  )
}

/** Without Waybill the server has a span for its tool as well; only that nobody tells it whom it is for. */
function byHand<T>(work: () => Promise<T>): Promise<T> {
  const attributes = { 'gen_ai.operation.name': 'execute_tool', 'gen_ai.tool.name': 'search' }
  return step('tools/call search', work, { kind: SpanKind.SERVER, attributes })
}

serveStdio(makeServer)
process.stdin.once('close', () => {
  setTimeout(() => process.exit(1), PATIENCE_MS)
  void endTelemetry().then(() => process.exit())
})
