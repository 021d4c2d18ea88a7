import { expect, test } from 'vitest'
import { readyTimes } from '../src/ready-times.ts'

type Step = readonly [event: string, at: number, about?: object]
const follow = (steps: readonly Step[], limit = 10): unknown[] => {
  const times = readyTimes(limit)
  return steps
    .map(([event, at, about]) => times.next(event, { jobId: '1', ...about }, at))
    .filter((wait) => wait !== undefined)
}

test.each<[string, readonly Step[], unknown[]]>([
  [
    'plain',
    [
      ['waiting', 10],
      ['active', 30],
    ],
    [{ ms: 20, readyBy: 'added' }],
  ],
  [
    'delayed',
    [
      ['delayed', 10, { delay: 100 }],
      ['waiting', 110, { prev: 'delayed' }],
      ['active', 112],
    ],
    [{ ms: 12, readyBy: 'delayed' }],
  ],
  [
    'promoted early',
    [
      ['delayed', 10, { delay: '900' }],
      ['waiting', 50, { prev: 'delayed' }],
      ['active', 60],
    ],
    [{ ms: 10, readyBy: 'delayed' }],
  ],
  [
    'changed delay',
    [
      ['delayed', 1, { delay: 9 }],
      ['delayed', 2, { delay: 50 }],
      ['waiting', 51, { prev: 'delayed' }],
      ['active', 51],
    ],
    [{ ms: 1, readyBy: 'delayed' }],
  ],
  [
    'due long before it came',
    [
      ['delayed', 100, { delay: 5 }],
      ['waiting', 101, { prev: 'delayed' }],
      ['active', 103],
    ],
    [{ ms: 3, readyBy: 'delayed' }],
  ],
  [
    'retried at once',
    [
      ['waiting', 1],
      ['active', 2],
      ['waiting', 8, { prev: 'active' }],
      ['active', 9],
    ],
    [
      { ms: 1, readyBy: 'added' },
      { ms: 1, readyBy: 'active' },
    ],
  ],
  [
    'a parent',
    [
      ['waiting-children', 1],
      ['waiting', 9, { prev: 'waiting-children' }],
      ['active', 10],
    ],
    [{ ms: 1, readyBy: 'waiting-children' }],
  ],
  [
    'stalled',
    [
      ['waiting', 1],
      ['active', 2],
      ['waiting', 50, { prev: 'active' }],
      ['stalled', 50],
      ['active', 60],
    ],
    [
      { ms: 1, readyBy: 'added' },
      { ms: 10, readyBy: 'active' },
    ],
  ],
  [
    'removed before it started',
    [
      ['waiting', 1],
      ['removed', 2],
      ['active', 3],
    ],
    [],
  ],
  [
    'there before us',
    [
      ['active', 3],
      ['completed', 4],
    ],
    [],
  ],
  [
    'of no id',
    [
      ['waiting', 3, { jobId: undefined }],
      ['active', 4, { jobId: undefined }],
    ],
    [],
  ],
  [
    'delayed until nobody knows',
    [
      ['delayed', 3, { delay: 'x' }],
      ['waiting', 5, { prev: 'delayed' }],
      ['active', 9],
    ],
    [{ ms: 4, readyBy: 'delayed' }],
  ],
])('a job that is %s', (_what, steps, waits) => {
  expect(follow(steps)).toEqual(waits)
})

test('no more jobs are followed than allowed, and none when all are done', () => {
  const times = readyTimes(3)
  for (const jobId of ['1', '2', '3', '4']) times.next('waiting', { jobId }, 1)
  expect(times.size).toBe(3)
  expect(times.next('active', { jobId: '1' }, 2)).toBeUndefined()
  for (const jobId of ['2', '3', '4']) expect(times.next('active', { jobId }, 2)?.ms).toBe(1)
  expect(times.size).toBe(0)
})
