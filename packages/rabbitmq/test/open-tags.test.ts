import fc from 'fast-check'
import { expect, test } from 'vitest'
import { OpenTags } from '../src/open-tags.ts'

test('is a map of growing tags, in order, however many are open and however long one stays', () => {
  const step = fc.record({
    opened: fc.nat(400),
    settled: fc.array(fc.double({ min: 0, max: 1, noNaN: true })),
    upTo: fc.option(fc.double({ min: 0, max: 1, noNaN: true })),
  })
  fc.assert(
    fc.property(fc.array(step, { maxLength: 12 }), (steps) => {
      const open = new OpenTags<string>()
      const expected = new Map<number, string>()
      let newest = 0
      for (const { opened, settled, upTo } of steps) {
        for (let i = 0; i < opened; i++) {
          newest++
          open.set(newest, `message ${newest}`)
          expected.set(newest, `message ${newest}`)
        }
        for (const share of settled) {
          const tag = 1 + Math.floor(share * newest)
          expect(open.get(tag)).toBe(expected.get(tag))
          open.delete(tag)
          expected.delete(tag)
          expect(open.get(tag)).toBeUndefined()
        }
        const last = upTo === null ? Infinity : Math.floor(upTo * newest)
        expect([...open.upTo(last)]).toEqual([...expected].filter(([tag]) => tag <= last))
        if (upTo === null) continue
        for (const [tag] of open.upTo(last)) open.delete(tag)
        for (const tag of expected.keys()) if (tag <= last) expected.delete(tag)
        expect([...open.upTo(Infinity)]).toEqual([...expected])
      }
    }),
    { numRuns: 300 },
  )
})

test('keeps what is open beyond the most places, and tags that begin again after all are settled', () => {
  const open = new OpenTags<number>()
  for (let tag = 1; tag <= 100_000; tag++) open.set(tag, tag)
  expect([open.get(1), open.get(34_000), open.get(100_000)]).toEqual([1, 34_000, 100_000])
  let before = 0
  for (const [tag, value] of open.upTo(Infinity)) {
    expect(tag).toBe(before + 1)
    expect(value).toBe(tag)
    before = tag
    open.delete(tag)
  }
  expect(before).toBe(100_000)
  expect([...open.upTo(Infinity)]).toEqual([])
  open.set(1, -1)
  expect([...open.upTo(Infinity)]).toEqual([[1, -1]])
})

test('one message that stays open costs one entry, not places', () => {
  const open = new OpenTags<number>()
  open.set(1, 1)
  for (let tag = 2; tag <= 10_000; tag++) {
    open.set(tag, tag)
    open.delete(tag)
  }
  expect([...open.upTo(Infinity)]).toEqual([[1, 1]])
  expect(open.get(1)).toBe(1)
})
