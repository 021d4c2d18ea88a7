import { expect, test } from 'vitest'
import { clockOf } from '../src/entry-id.ts'

const NOW = 1_700_000_000_000

test.each([
  ['a fresh id', '1699999999700-0', undefined, 1_699_999_999_700],
  ['an id that agrees with the stamp', '1699999999700-3', 1_699_999_999_699, 1_699_999_999_700],
  ['a clock a little ahead', '1700000004000-0', undefined, 1_700_000_004_000],
  ['an id pushed into the future', '1700003600000-0', undefined, undefined],
  ['an id set by hand', '5-1', undefined, undefined],
  ['an id that is older than its own send', '1699999000000-0', 1_699_999_999_000, undefined],
  ['no id at all', 'QUEUED', undefined, undefined],
  ['an absurdly long id', `${'9'.repeat(20)}-0`, undefined, undefined],
])('%s', (_what, id, sent, expected) => {
  expect(clockOf(id, NOW, sent)).toBe(expected)
})
