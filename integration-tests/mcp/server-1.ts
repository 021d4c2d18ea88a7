import { propagation, trace } from '@opentelemetry/api'
import { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js'
import * as z from 'zod'

/** The call of `report` that waits. Over HTTP every request may have a server of its own. */
let reported: PromiseWithResolvers<void> | undefined

/** A server of SDK 1.x with a tool for each thing that a test looks at. */
export function makeServer1(): McpServer {
  const server = new McpServer({ name: 'corpus', version: '1.0.0' })
  const text = (value: string | undefined) => ({
    content: [{ type: 'text' as const, text: value ?? 'none' }],
  })

  server.registerTool('search', { inputSchema: { query: z.string() } }, ({ query }) => {
    trace.getTracer('test').startSpan(`look up ${query}`).end()
    return text(propagation.getActiveBaggage()?.getEntry('session.id')?.value)
  })
  server.registerTool('meta', {}, ({ _meta }) => text(JSON.stringify(_meta ?? null)))
  server.registerTool('refuse', {}, () => ({ ...text('no such page'), isError: true }))
  server.registerTool('strict', { inputSchema: z.strictObject({ query: z.string() }) }, ({ query }) => {
    trace.getTracer('test').startSpan(`look up ${query}`).end()
    return text(query)
  })
  server.registerTool('wait', {}, async ({ signal }) => {
    await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }))
    return text('aborted')
  })
  server.registerTool('summarise', {}, async (extra) => {
    const answer = await extra.sendRequest(
      {
        method: 'sampling/createMessage',
        params: { messages: [{ role: 'user', content: { type: 'text', text: 'summarise' } }], maxTokens: 5 },
      },
      z.looseObject({ model: z.string() }),
    )
    return text(answer.model)
  })
  server.registerTool('confirm', {}, async (extra) => {
    const answer = await extra.sendRequest(
      {
        method: 'elicitation/create',
        params: {
          message: 'Sure?',
          requestedSchema: { type: 'object', properties: { sure: { type: 'boolean' } } },
        },
      },
      z.looseObject({ action: z.string() }),
    )
    return text(answer.action)
  })
  server.registerTool('report', {}, async ({ _meta, sendNotification }) => {
    const progressToken = _meta?.progressToken ?? 0
    await sendNotification({ method: 'notifications/progress', params: { progressToken, progress: 1 } })
    // Both SDKs forget a progress callback when the result comes in the same chunk.
    reported = Promise.withResolvers()
    await reported.promise
    return text('done')
  })
  server.registerTool('release', {}, () => {
    reported?.resolve()
    return text('released')
  })
  server.registerPrompt('greet', {}, () => ({
    messages: [{ role: 'user', content: { type: 'text', text: 'Hello' } }],
  }))
  server.registerResource('page', 'note://harbour', {}, () => ({
    contents: [{ uri: 'note://harbour', text: 'ships' }],
  }))
  return server
}
