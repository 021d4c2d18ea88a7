import fc from 'fast-check'
import { expect, test } from 'vitest'
import { createLedger, type Call } from '../src/ledger.ts'

const call = fc.record(
  {
    id: fc.constantFrom('a', 'b', 'c', 'd', 'e'),
    input: fc.nat(1e6),
    output: fc.nat(1e6),
    cost: fc.option(fc.double({ min: 0, max: 10, noNaN: true }), { nil: undefined, freq: 50 }),
  },
  // Seldom without a cost: with one such call the sum has none.
  { requiredKeys: ['id', 'input', 'output', 'cost'] },
)
const replies = fc.array(fc.record({ calls: fc.array(call, { maxLength: 8 }), complete: fc.boolean() }), {
  maxLength: 6,
})
const merged = (own: readonly Call[], told: readonly { calls: readonly Call[]; complete: boolean }[]) => {
  const ledger = createLedger()
  for (const each of own) ledger.record(each)
  for (const { calls, complete } of told) ledger.merge(calls, complete)
  return { self: ledger.self, subtree: ledger.subtree, complete: ledger.isComplete }
}

test('agents-17: replies merged twice, or in any other order, give the same to the last bit', () => {
  fc.assert(
    fc.property(fc.array(call), replies, fc.nat(), (own, told, seed) => {
      const shuffled = [...told, ...told].sort((a, b) => hash(a, seed) - hash(b, seed))
      expect(merged(own, shuffled)).toEqual(merged(own, told))
    }),
  )
})

test('agents-17: fractions add up to the same in any order', () => {
  const calls = [0.1, 0.2, 0.3, 0.4, 0.7].map((cost, i) => ({ id: `${i}`, input: 1, output: 1, cost }))
  const [forth, back] = [createLedger(), createLedger()]
  forth.merge(calls, true)
  back.merge(calls.toReversed(), true)
  expect(back.subtree.cost).toBe(forth.subtree.cost)
})

const hash = (value: unknown, seed: number): number =>
  Array.from(JSON.stringify(value)).reduce((sum, letter) => (sum * 31 + letter.charCodeAt(0)) % 65_521, seed)

test('what the agent itself recorded is not changed by what others tell of it, before or after', () => {
  const lie: Call = { id: 'a', input: 999, output: 999, cost: 999 }
  const truth: Call = { id: 'a', input: 1, output: 2, cost: 3 }
  const [before, after] = [createLedger(), createLedger()]
  before.merge([lie], true)
  expect(before.record(truth)).toBe(true)
  after.record(truth)
  after.merge([lie], true)
  for (const { self, subtree } of [before, after]) {
    expect(self).toEqual({ input: 1, output: 2, calls: 1, cost: 3 })
    expect(subtree).toEqual(self)
  }
  expect(after.record(truth)).toBe(false)
})

test('a cost that is unknown for one call is unknown for the sum; of nothing it is unknown too', () => {
  expect(createLedger().self).toEqual({ input: 0, output: 0, calls: 0, cost: undefined })
  const ledger = createLedger()
  ledger.record({ id: 'a', input: 1, output: 0, cost: 0.5 })
  expect(ledger.self.cost).toBe(0.5)
  ledger.merge([{ id: 'b', input: 1, output: 0 }], true)
  expect([ledger.self.cost, ledger.subtree.cost]).toEqual([0.5, undefined])
})

test('beyond 10,000 calls nothing is kept, and the whole is not complete', () => {
  const ledger = createLedger()
  const many = Array.from({ length: 10_001 }, (_, i) => ({ id: `${i}`, input: 1, output: 1 }))
  ledger.merge(many.slice(1), true)
  expect(ledger.isComplete).toBe(true)
  ledger.merge(many, true)
  expect([ledger.subtree.calls, ledger.isComplete]).toEqual([10_000, false])
})
