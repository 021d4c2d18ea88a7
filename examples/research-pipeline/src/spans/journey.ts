import { type ReceivedSpan, spanKinds } from './span.ts'

/** What a joined trace must have besides being one. */
export interface Journey {
  readonly spans: number
  /** Spans that say to which session of the user they belong. */
  readonly spansWithSession: number
  /** Calls of tools over MCP whose two sides, in two processes, are in one trace, the one below the other. */
  readonly toolCalls: number
  /** Findings that the answer was joined from, by the links of the span that joined them. */
  readonly joined: number
}

export function journeyOf(spans: readonly ReceivedSpan[], session: string): Journey {
  const calls = spans.filter(
    ({ kind, attributes }) =>
      kind === spanKinds.client && attributes['gen_ai.operation.name'] === 'execute_tool',
  )
  const servers = spans.filter(
    ({ kind, attributes }) =>
      kind === spanKinds.server && attributes['gen_ai.operation.name'] === 'execute_tool',
  )
  const joins = spans.filter(({ name }) => name === 'join findings')
  return {
    spans: spans.length,
    spansWithSession: spans.filter(({ attributes }) => attributes['session.id'] === session).length,
    toolCalls: calls.filter((call) =>
      servers.some((server) => server.traceId === call.traceId && server.parentSpanId === call.spanId),
    ).length,
    joined: joins.reduce((total, { links }) => total + new Set(links.map(({ spanId }) => spanId)).size, 0),
  }
}
