// R5: a tool that begins a trace of its own, or hangs under the session instead of the agent that called it.
import { isAgent, isTool, requestId, toolName } from '../model/facts.ts'
import { append } from '../model/grouping.ts'
import { isRoot, type Span } from '../model/span.ts'
import type { SpanModel } from '../model/spans.ts'
import { plural, short, type Case } from './finding.ts'
import { ifComplete, type Scene } from './scene.ts'

export function* toolRoot(scene: Scene): Generator<Case> {
  const clients = clientCalls(scene)
  for (const span of scene.model.spans) {
    if (!isTool(span) || !isRoot(span)) continue
    scene.named.add(span)
    yield span.kind === 'SERVER' ? ofServer(scene, span, clients) : ofProcess(span)
  }
}

function ofProcess(span: Span): Case {
  const where = span.scope === '' ? span.service : `${span.service} (${span.scope})`
  return {
    rule: 'TOOL-ROOT',
    level: 'certain',
    hop: { producer: span.service },
    aspect: span.scope,
    message: (count) =>
      `${plural(count, 'tool call')} of ${where} began a trace of their own: the framework did not hand its context to the tool`,
    fix: `run the tool in the agent's context in ${span.service}: context.with(agentContext, () => execute(…))`,
    evidence: evidenceOf(span),
  }
}

function ofServer(scene: Scene, span: Span, clients: ReadonlyMap<string, readonly Span[]>): Case {
  const caller = clients.get(callKey(span))?.find((client) => overlaps(client, span))
  const forced = span.scope.includes('sentry')
  return {
    rule: 'TOOL-ROOT',
    level: caller === undefined ? ifComplete(scene, 'probable') : 'certain',
    hop: { ...(caller && { producer: caller.service }), consumer: span.service },
    aspect: forced ? 'sentry' : '',
    message: (count) =>
      forced
        ? `${plural(count, 'tool call')} in ${span.service} began a trace of their own: Sentry starts the spans of MCP servers as new transactions and never reads _meta.traceparent`
        : caller === undefined
          ? `${plural(count, 'tool call')} in ${span.service} began a trace of their own: the host is not traced, or no _meta came with the call`
          : `${plural(count, 'tool call')} of ${caller.service} began a trace of their own in ${span.service}: the call and its server are in two traces`,
    fix: `traceMcp(client) in ${caller?.service ?? 'the host'}, so that calls carry _meta.traceparent; traceMcp(server) in ${span.service}`,
    evidence: { ...evidenceOf(span), traces: [...(caller ? [caller.traceId] : []), span.traceId] },
  }
}

function evidenceOf(span: Span): Case['evidence'] {
  return {
    traces: [span.traceId],
    spans: [span.spanId],
    text: `tool ${toolName(span)} is the root of trace ${short(span.traceId)}`,
  }
}

function clientCalls({ model }: Scene): Map<string, Span[]> {
  const calls = new Map<string, Span[]>()
  for (const span of model.spans) {
    if (span.kind !== 'CLIENT' || !isTool(span) || requestId(span) === undefined) continue
    append(calls, callKey(span), span)
  }
  return calls
}

function callKey(span: Span): string {
  return `${toolName(span)}\0${requestId(span) ?? ''}`
}

function overlaps(a: Span, b: Span): boolean {
  return a.traceId !== b.traceId && a.start <= b.end && b.start <= a.end
}

/** Traceloop's instrumentation opens one span a connection and hangs every call under it. */
export function* toolStaleSession({ model, named }: Scene): Generator<Case> {
  let agents: Map<string, Span[]> | undefined
  for (const span of model.spans) {
    const session = span.parent
    if (session === undefined || !isTool(span) || !isSession(session)) continue
    agents ??= agentsByService(model)
    const caller = callerOf(span, agents.get(span.service) ?? [], session)
    if (caller === undefined) continue
    named.add(caller)
    yield {
      rule: 'TOOL-STALE-SESSION',
      level: 'probable',
      hop: { producer: span.service },
      message: (count) =>
        `${plural(count, 'tool call')} of ${span.service} hang under '${session.name}', which was opened before the agent that called: the parent is the connection, not the caller`,
      fix: `connect() outside of any span in ${span.service}, and traceMcp(client) instead of a span for the session`,
      evidence: {
        traces: [caller.traceId, span.traceId],
        spans: [span.spanId, session.spanId, caller.spanId],
        text: `tool ${toolName(span)} was called by ${caller.name} of trace ${short(caller.traceId)} and hangs in ${short(span.traceId)}`,
      },
    }
  }
}

/** In order of start. */
function agentsByService({ spans }: SpanModel): Map<string, Span[]> {
  const agents = new Map<string, Span[]>()
  for (const span of spans) if (isAgent(span)) append(agents, span.service, span)
  for (const list of agents.values()) list.sort((a, b) => a.start - b.start)
  return agents
}

/** So many agents of one service may be at work at once. */
const CONCURRENT = 64

/** The agent that was at work around the call and began after the session. */
function callerOf(call: Span, agents: readonly Span[], session: Span): Span | undefined {
  let from = 0
  let to = agents.length
  while (from < to) {
    const middle = (from + to) >> 1
    if ((agents[middle]?.start ?? 0) <= call.start) from = middle + 1
    else to = middle
  }
  return agents
    .slice(Math.max(0, from - CONCURRENT), from)
    .findLast((agent) => agent.end >= call.end && agent.start > session.start)
}

function isSession({ name }: Span): boolean {
  return /(^|[. ])(mcp\.)?client\.session$|^mcp[. ]session$/i.test(name)
}
