import { expect, test } from 'vitest'
import { timeOf } from '../src/entry-id.ts'

test.each([
  ['1700000000000-0', 1_700_000_000_000],
  ['1700000000000-12', 1_700_000_000_000],
  ['5-1', undefined],
  ['999999999999-0', undefined],
  ['1700000000000', undefined],
  ['1700000000000000000-0', undefined],
  ['nonsense', undefined],
  ['', undefined],
])('of %o the time is %o', (id, time) => {
  expect(timeOf(id)).toBe(time)
})
