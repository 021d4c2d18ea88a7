import { expect, test } from 'vitest'
import { readClaimed, readEntries, readPending, readProperty, readStreams } from '../src/replies.ts'

const entry = { id: '1-0', fields: ['a', '1'], idleMs: 0, deliveriesBefore: 0 }

test.each([
  ['pairs, as under RESP2', [['s', [['1-0', ['a', '1']]]]]],
  ['a flat list, as ioredis 6 makes of a RESP3 map', ['s', [['1-0', ['a', '1']]]]],
  ['an object', { s: [['1-0', ['a', '1']]] }],
  ['a Map', new Map([['s', [['1-0', ['a', '1']]]]])],
  ['bytes', [[Buffer.from('s'), [[Buffer.from('1-0'), ['a', '1']]]]]],
  ['with idle time and count', ['s', [['1-0', ['a', '1'], 0, 0]]]],
])('XREADGROUP: %s', (_what, reply) => {
  expect(readStreams(reply)).toEqual([['s', [entry]]])
})

test('XREADGROUP: nothing came', () => {
  for (const reply of [null, undefined, [], {}]) expect(readStreams(reply)).toEqual([])
})

test('what CLAIM says of an entry; one that was deleted has no fields, or is a null in Redis 6', () => {
  expect(readEntries([['1-0', ['a', '1'], '1500', '2'], ['2-0', null], null])).toEqual([
    { ...entry, idleMs: 1500, deliveriesBefore: 2 },
    { id: '2-0', fields: null, idleMs: 0, deliveriesBefore: 0 },
  ])
  expect(readEntries(null)).toEqual([])
})

test('XAUTOCLAIM and XPENDING', () => {
  expect(readClaimed(['0-0', [['1-0', ['a', '1']]], ['2-0']])).toEqual({ entries: [entry], deleted: ['2-0'] })
  // Redis 6.2 has no third element.
  expect(readClaimed(['0-0', []])).toEqual({ entries: [], deleted: [] })
  expect(readPending([['1-0', 'c1', '1500', 2]])).toEqual([{ id: '1-0', idleMs: 1500, deliveries: 2 }])
  expect(readPending(null)).toEqual([])
})

test.each([
  [['name', 'g', 'lag', 7]],
  [{ name: 'g', lag: 7 }],
  [new Map<string, unknown>([['name', 'g'], ['lag', 7]])], // prettier-ignore
])('a property of a row of XINFO: %o', (row) => {
  expect(readProperty(row, 'lag')).toBe(7)
  expect(readProperty(row, 'pel')).toBeUndefined()
})
