import { describe, expect, test } from 'vitest'
import { summarize, type Summary } from '../src/demo/summary.ts'
import { faultsOf } from '../src/demo/verdict.ts'
import type { Answer } from '../src/messages.ts'
import type { AgentFigures } from '../src/spans/agents.ts'
import { madeSpan } from './made-span.ts'

function answerOf(...indices: number[]): Answer {
  const rest = { text: '', quote: '', source: '', wordsRead: 0, count: 3, replyTo: '', conversation: '' }
  return { text: 'the answer', findings: indices.map((index) => ({ ...rest, index })) }
}

function agentAt(depth: number, costSelf = 0.1): AgentFigures {
  return { name: `agent ${depth}`, role: '', depth, runs: 1, inputTokens: 1, outputTokens: 1, costSelf }
}

const whole = answerOf(0, 1, 2)
const summary: Summary = {
  before: { traces: 11, orphanRoots: 10, spans: 31, spansWithSession: 5, toolCalls: 0, joined: 3 },
  after: {
    traces: 1,
    orphanRoots: 0,
    spans: 64,
    spansWithSession: 64,
    toolCalls: 3,
    joined: 3,
    wallSeconds: 3.3,
    queueSeconds: {},
  },
  agents: [agentAt(0), agentAt(1), agentAt(2)],
  brokers: {},
}
const after = (change: Partial<Summary['after']>): Summary => ({
  ...summary,
  after: { ...summary.after, ...change },
})

describe('the verdict', () => {
  test('is good for one trace, no orphan root and two whole answers', () => {
    expect(faultsOf(summary, { before: whole, after: whole })).toEqual([])
  })

  test.each([
    ['more than one trace', after({ traces: 2 }), whole, 1],
    ['no trace', after({ traces: 0 }), whole, 1],
    ['an orphan root', after({ orphanRoots: 1 }), whole, 1],
    ['a span without the session', after({ spansWithSession: 63 }), whole, 1],
    ['a tool call whose server is in another trace', after({ toolCalls: 2 }), whole, 1],
    ['a finding that is not linked', after({ joined: 2 }), whole, 1],
    ['a depth that is no deeper', { ...summary, agents: [agentAt(0), agentAt(0)] }, whole, 1],
    ['a depth that is left out', { ...summary, agents: [agentAt(0), agentAt(2)] }, whole, 1],
    ['no agents', { ...summary, agents: [] }, whole, 1],
    ['an agent that cost nothing', { ...summary, agents: [agentAt(0), agentAt(1, 0)] }, whole, 1],
    ['no orphan roots before', { ...summary, before: { ...summary.before, orphanRoots: 0 } }, whole, 1],
    ['a missing finding', after({ toolCalls: 2, joined: 2 }), answerOf(0, 2), 1],
    ['a finding that came twice instead of another', summary, answerOf(0, 1, 1), 1],
    ['no finding at all', after({ toolCalls: 0, joined: 0 }), answerOf(), 1],
    ['another answer', summary, { ...whole, text: 'something else' }, 1],
  ])('is not for %s', (_, given, answer, count) => {
    expect(faultsOf(given, { before: whole, after: answer })).toHaveLength(count)
  })
})

test('the summary counts roots, and cuts off digits that were never measured', () => {
  const journey = { spans: 4, spansWithSession: 2, toolCalls: 1, joined: 0 }
  const roots = [madeSpan('a'), madeSpan('b')]
  expect(
    summarize(
      { connectedness: { traces: 3, orphanRoots: roots }, journey },
      { connectedness: { traces: 1, orphanRoots: [] }, journey },
      { wallSeconds: 3.3649999999, queueSeconds: { searches: 0.1 + 0.2 }, anyQueueSeconds: 1 },
      [agentAt(0)],
      { kafka: '4.3' },
    ),
  ).toEqual({
    before: { traces: 3, orphanRoots: 2, ...journey },
    after: { traces: 1, orphanRoots: 0, ...journey, wallSeconds: 3.365, queueSeconds: { searches: 0.3 } },
    agents: [agentAt(0)],
    brokers: { kafka: '4.3' },
  })
})
