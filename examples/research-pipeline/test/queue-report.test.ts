import { expect, test } from 'vitest'
import { formatDuration, formatShare } from '../src/waterfall/duration.ts'
import { queueReport } from '../src/waterfall/queue-report.ts'

test('the slowest queue comes first, and the union last', () => {
  const times = {
    wallSeconds: 4,
    queueSeconds: { findings: 0.01, searches: 2, other: 1 },
    anyQueueSeconds: 2.5,
  }
  expect(queueReport(times)).toEqual([
    'searches       RabbitMQ       ▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒                       2.00 s   50 %',
    'other                         ▒▒▒▒▒▒▒▒▒▒                                 1.00 s   25 %',
    'findings       Redis streams                                              10 ms  < 1 %',
    'in any queue                  ▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒                  2.50 s   63 %',
  ])
})

test.each([
  [0, '0.0 ms'],
  [9.94, '9.9 ms'],
  [9.96, '10 ms'],
  [999.4, '999 ms'],
  [999.6, '1.00 s'],
  [12_345, '12.35 s'],
])('%d ms is written %s', (ms, text) => {
  expect(formatDuration(ms)).toBe(text)
})

test.each([
  [0, 4, '0 %'],
  [0.03, 4, '< 1 %'],
  [4, 4, '100 %'],
  [1, 0, '0 %'],
])('%d of %d is %s', (part, whole, text) => {
  expect(formatShare(part, whole)).toBe(text)
})
