import { propagation, trace } from '@opentelemetry/api'
import { inputRequired, McpServer } from '@modelcontextprotocol/server'
import * as z from 'zod'

/** The call of `report` that waits. Over HTTP every request may have a server of its own. */
let reported: PromiseWithResolvers<void> | undefined

/** The same server of SDK 2.x. Where it needs its client, it answers `input_required`, which both revisions know. */
export function makeServer2(): McpServer {
  const server = new McpServer({ name: 'corpus', version: '1.0.0' })
  const text = (value: string | undefined) => ({
    content: [{ type: 'text' as const, text: value ?? 'none' }],
  })

  server.registerTool('search', { inputSchema: z.object({ query: z.string() }) }, ({ query }) => {
    trace.getTracer('test').startSpan(`look up ${query}`).end()
    return text(propagation.getActiveBaggage()?.getEntry('session.id')?.value)
  })
  server.registerTool('meta', {}, ({ mcpReq }) => text(JSON.stringify(mcpReq._meta ?? null)))
  server.registerTool('refuse', {}, () => ({ ...text('no such page'), isError: true }))
  server.registerTool('strict', { inputSchema: z.strictObject({ query: z.string() }) }, ({ query }) => {
    trace.getTracer('test').startSpan(`look up ${query}`).end()
    return text(query)
  })
  server.registerTool('wait', {}, async ({ mcpReq }) => {
    await new Promise((resolve) => mcpReq.signal.addEventListener('abort', resolve, { once: true }))
    return text('aborted')
  })
  server.registerTool('summarise', {}, ({ mcpReq }) => {
    const answered = mcpReq.inputResponses?.['summary'] as { model?: string } | undefined
    if (answered !== undefined) return text(answered.model)
    const messages = [{ role: 'user' as const, content: { type: 'text' as const, text: 'summarise' } }]
    return inputRequired({
      inputRequests: { summary: inputRequired.createMessage({ messages, maxTokens: 5 }) },
    })
  })
  server.registerTool('confirm', {}, ({ mcpReq }) => {
    const answered = mcpReq.inputResponses?.['sure'] as { action?: string } | undefined
    if (answered !== undefined) return text(answered.action)
    return inputRequired({
      inputRequests: {
        sure: inputRequired.elicit({
          message: 'Sure?',
          requestedSchema: { type: 'object', properties: { sure: { type: 'boolean' } } },
        }),
      },
    })
  })
  server.registerTool('report', {}, async ({ mcpReq }) => {
    const progressToken = mcpReq._meta?.progressToken ?? 0
    await mcpReq.notify({ method: 'notifications/progress', params: { progressToken, progress: 1 } })
    // Both SDKs forget a progress callback when the result comes in the same chunk.
    reported = Promise.withResolvers()
    await reported.promise
    return text('done')
  })
  server.registerTool('release', {}, () => {
    reported?.resolve()
    return text('released')
  })
  server.registerTool('change', {}, () => {
    server.sendToolListChanged()
    return text('changed')
  })
  server.registerPrompt('greet', {}, () => ({
    messages: [{ role: 'user', content: { type: 'text', text: 'Hello' } }],
  }))
  server.registerResource('page', 'note://harbour', {}, () => ({
    contents: [{ uri: 'note://harbour', text: 'ships' }],
  }))
  return server
}
