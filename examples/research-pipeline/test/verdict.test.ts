import { describe, expect, test } from 'vitest'
import { summarize, type Summary } from '../src/demo/summary.ts'
import { faultsOf } from '../src/demo/verdict.ts'
import type { Answer } from '../src/messages.ts'
import { madeSpan } from './made-span.ts'

function answerOf(...indices: number[]): Answer {
  const rest = { text: '', quote: '', source: '', wordsRead: 0, count: 3, replyTo: '', conversation: '' }
  return { text: 'the answer', findings: indices.map((index) => ({ ...rest, index })) }
}

const whole = answerOf(0, 1, 2)
const summary: Summary = {
  before: { traces: 11, orphanRoots: 10 },
  after: { traces: 1, orphanRoots: 0, wallSeconds: 3.3, queueSeconds: {} },
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
    ['a missing finding', summary, answerOf(0, 2), 1],
    ['a finding that came twice instead of another', summary, answerOf(0, 1, 1), 1],
    ['no finding at all', summary, answerOf(), 1],
    ['another answer', summary, { ...whole, text: 'something else' }, 1],
  ])('is not for %s', (_, given, answer, count) => {
    expect(faultsOf(given, { before: whole, after: answer })).toHaveLength(count)
  })
})

test('the summary counts roots, and cuts off digits that were never measured', () => {
  const roots = [madeSpan('a'), madeSpan('b')]
  expect(
    summarize(
      { traces: 3, orphanRoots: roots },
      { traces: 1, orphanRoots: [] },
      { wallSeconds: 3.3649999999, queueSeconds: { passages: 0.1 + 0.2 }, anyQueueSeconds: 1 },
      { kafka: '4.3' },
    ),
  ).toEqual({
    before: { traces: 3, orphanRoots: 2 },
    after: { traces: 1, orphanRoots: 0, wallSeconds: 3.365, queueSeconds: { passages: 0.3 } },
    brokers: { kafka: '4.3' },
  })
})
