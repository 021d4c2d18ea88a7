import type { RawSpan } from '../src/input/raw-span.ts'
import { made, message } from './made-spans.ts'

const TRACE = '4bf92f3577b34da6a3ce929d0e0e4736'
const session = { 'gen_ai.conversation.id': 'session-1' }

/**
 * The trace of the article that all this began with, T being the start of the request: a root 300 ms in; a trace id that
 * changes at agent B; a tool that is a root; and nothing between T+500 and T+550.
 */
export function article(): RawSpan[] {
  const spans = [
    made({
      trace: 'a',
      id: 'request',
      kind: 'SERVER',
      name: 'POST /research',
      service: 'agent-a',
      from: 0,
      to: 500,
      facts: { ...session, 'http.request.method': 'POST' },
    }),
    made({
      trace: 'a',
      id: 'plan',
      parent: 'request',
      name: 'plan',
      service: 'agent-a',
      from: 10,
      to: 290,
      facts: session,
    }),
    made({
      trace: 'r',
      id: 'rank',
      name: 'rank results',
      service: 'agent-a',
      from: 300,
      to: 450,
      facts: session,
    }),
    made({
      trace: 'a',
      id: 'send',
      parent: 'request',
      kind: 'PRODUCER',
      name: 'xadd summaries',
      service: 'agent-a',
      from: 480,
      to: 500,
      facts: message('send', 'summaries', '1-0'),
    }),
    made({
      trace: 'a',
      id: 'process',
      parent: 'send',
      kind: 'CONSUMER',
      name: 'process summaries',
      service: 'agent-c',
      from: 550,
      to: 800,
      facts: message('process', 'summaries', '1-0'),
    }),
    made({
      trace: 'b',
      id: 'agent-b',
      name: 'invoke_agent b',
      service: 'agent-b',
      from: 310,
      to: 470,
      facts: { ...session, 'gen_ai.operation.name': 'invoke_agent' },
    }),
    made({
      trace: 't',
      id: 'tool',
      name: 'execute_tool search',
      service: 'agent-c',
      from: 600,
      to: 700,
      facts: { 'gen_ai.operation.name': 'execute_tool', 'gen_ai.tool.name': 'search' },
    }),
  ]
  const [{ traceId: own } = { traceId: '' }] = spans
  return spans.map((span) => (span.traceId === own ? { ...span, traceId: TRACE } : span))
}
