import { describe, expect, test } from 'vitest'
import { ledgerOf, type Ledger } from '../src/cost/ledger.ts'
import type { Prices } from '../src/cost/prices.ts'
import { USAGE_KEYS } from '../src/cost/usage.ts'
import { collectSpans } from '../src/model/spans.ts'
import { made, process, send, type Made } from './made-spans.ts'

function ledger(spans: readonly Made[], prices?: Prices, partial = false): Ledger {
  const collector = collectSpans(USAGE_KEYS)
  for (const span of spans) collector.add(made(span))
  return ledgerOf(collector.model(), partial, prices)
}

const agent = (name: string, role: string, more: Record<string, string | number> = {}) => ({
  'gen_ai.operation.name': 'invoke_agent',
  'gen_ai.agent.name': name,
  'app.agent.role': role,
  ...more,
})
const chat = (
  trace: string,
  id: string,
  parent: string,
  from: number,
  input: number,
  more: Partial<Made> = {},
): Made => ({
  trace,
  id,
  parent,
  kind: 'CLIENT',
  name: 'chat',
  from,
  to: from + 5,
  ...more,
  facts: {
    'gen_ai.operation.name': 'chat',
    'gen_ai.request.model': 'm-1',
    'gen_ai.usage.input_tokens': input,
    'gen_ai.usage.output_tokens': 10,
    ...more.facts,
  },
})

/** An orchestrator, a specialist that fails once, and a child that nobody waits for. */
const journey = (): Made[] => [
  {
    trace: 'a',
    id: 'orch',
    name: 'invoke_agent orchestrator',
    from: 0,
    to: 100,
    facts: agent('orchestrator', 'orchestrator', { 'gen_ai.usage.input_tokens': 110 }),
  },
  chat('a', 'plan', 'orch', 5, 110),
  send('a', 'add', 'specialist', '1', 12, { parent: 'orch' }),
  process('a', 'try1', 'specialist', '1', 20, {
    parent: 'add',
    to: 30,
    facts: { 'waybill.delivery.attempt': 1 },
  }),
  chat('a', 'failed', 'try1', 22, 100),
  process('a', 'try2', 'specialist', '1', 40, {
    parent: 'add',
    to: 60,
    facts: { 'waybill.delivery.attempt': 2 },
  }),
  {
    trace: 'a',
    id: 'spec',
    parent: 'try2',
    name: 'invoke_agent specialist',
    from: 41,
    to: 59,
    facts: agent('specialist', 'specialist'),
  },
  chat('a', 'answer', 'spec', 45, 200),
  send('a', 'fire', 'archive', '2', 70, { parent: 'orch' }),
  process('a', 'arch', 'archive', '2', 150, { parent: 'fire', to: 300 }),
  chat('a', 'late', 'arch', 160, 1_100),
]

describe('doctor-34', () => {
  test('all of the tokens are counted once, with what was wasted and what was late', () => {
    const { total, wasted, late, reported, agents, hops, roles } = ledger(journey())
    expect([total.tokens.input, wasted.tokens.input, late.tokens.input, reported.tokens.input]).toEqual([
      1_510, 100, 1_100, 0,
    ])
    expect(total.calls).toBe(4)
    expect(
      Object.fromEntries(
        agents.map(({ agent: name, self, subtree }) => [name, [self.tokens.input, subtree.tokens.input]]),
      ),
    ).toEqual({
      orchestrator: [1_310, 1_510],
      specialist: [200, 200],
    })
    expect(Object.fromEntries(hops.map(({ destination, sum }) => [destination, sum.tokens.input]))).toEqual({
      archive: 1_100,
      specialist: 300,
    })
    expect(roles.map(({ role }) => role).sort()).toEqual(['orchestrator', 'specialist'])
  })

  test("an agent's total counts only where no call below it is seen, and is labelled", () => {
    const [orchestrator] = journey()
    const { total, reported } = ledger([orchestrator!])
    expect([total.tokens.input, reported.tokens.input]).toEqual([110, 110])
  })

  test('two instrumentations of one call nest: the inner one counts, whatever names it uses', () => {
    const inner = chat('a', 'inner', 'outer', 6, 0, {
      facts: {
        'llm.token_count.prompt': 50,
        'llm.token_count.completion': 5,
        'gen_ai.usage.input_tokens': '',
        'gen_ai.usage.output_tokens': '',
      },
    })
    const { total } = ledger([chat('a', 'outer', 'none', 5, 50), inner])
    expect([total.calls, total.tokens.input, total.tokens.output]).toEqual([1, 50, 5])
  })
})

describe('doctor-35', () => {
  const prices: Prices = { currency: 'EUR', models: { 'm-*': { input: 1, output: 2, cacheRead: 0.1 } } }

  test('cost comes from the prices, cached tokens at their own', () => {
    const cached = chat('a', 'c', 'none', 0, 1_000_000, {
      facts: { 'gen_ai.usage.cache_read.input_tokens': 400_000, 'gen_ai.usage.output_tokens': 500_000 },
    })
    expect(ledger([cached], prices).total.cost).toBeCloseTo(0.6 + 0.04 + 1)
  })

  test('a model without a price is listed, never taken for free, and the total is a lower bound', () => {
    const { unpriced, incomplete, total } = ledger(
      [chat('a', 'one', 'x', 0, 10, { facts: { 'gen_ai.request.model': 'other' } })],
      prices,
    )
    expect(unpriced).toEqual([{ model: 'other', calls: 1 }])
    expect(incomplete).toContain('1 model has no price')
    expect(total.cost).toBe(0)
    const own = ledger(
      [
        chat('a', 'one', 'x', 0, 10, {
          facts: { 'gen_ai.request.model': 'other', 'gen_ai.usage.cost': 0.5 },
        }),
      ],
      prices,
    )
    expect([own.total.cost, own.unpriced.length]).toEqual([0.5, 0])
  })

  test('orphans and a partial export make lower bounds', () => {
    expect(ledger([chat('a', 'one', 'gone', 0, 10)]).incomplete).toEqual([
      'some parents are not in the export',
    ])
    expect(ledger(journey(), undefined, true).incomplete).toEqual(['the export is a part by its own word'])
    expect(ledger(journey()).incomplete).toEqual([])
  })
})

test('doctor-36: a conversation is summed over the traces it is split into, also those that only a lost hop separates', () => {
  const spans: Made[] = [
    { trace: 'a', id: 'turn', from: 0, to: 5, facts: { 'gen_ai.conversation.id': 'talk' } },
    chat('a', 'c1', 'turn', 1, 100),
    send('a', 's', 'jobs', '1-0', 3, { parent: 'turn' }),
    process('b', 'p', 'jobs', '1-0', 6, { to: 9 }),
    chat('b', 'c2', 'p', 7, 30),
    { trace: 'c', id: 'turn2', from: 50, facts: { 'session.id': 'talk' } },
    chat('c', 'c3', 'turn2', 51, 7),
    { trace: 'd', id: 'other', from: 60 },
    chat('d', 'c4', 'other', 61, 1_000),
  ]
  const { conversations } = ledger(spans)
  expect(conversations).toHaveLength(1)
  expect(conversations[0]?.joined.tokens.input).toBe(137)
  expect(conversations[0]?.fragments.map(({ sum }) => sum.tokens.input).sort((a, b) => a - b)).toEqual([
    7, 30, 100,
  ])
})
