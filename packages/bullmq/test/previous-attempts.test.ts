import { expect, test } from 'vitest'
import { previousIn } from '../src/ask-previous-attempt.ts'
import { previousAttempts } from '../src/previous-attempts.ts'
import type { Job, Worker } from '../src/types.ts'

const NOW = 1_800_000_000_000
const worker = { name: 'billing', id: 'w', opts: {}, on: () => undefined } satisfies Worker
const job = (id: string, attemptsStarted: number, more: Partial<Job> = {}): Job => ({
  id,
  name: 'invoice',
  timestamp: NOW,
  attemptsMade: attemptsStarted - 1,
  attemptsStarted,
  stalledCounter: 0,
  ...more,
})
const ENDED = { ended: NOW, backoff: 10, span: undefined }

test('the attempt right before this one is remembered, once', () => {
  const attempts = previousAttempts()
  attempts.note(worker, job('1', 1), ENDED)
  expect(attempts.take(worker, job('1', 2))).toBe(ENDED)
  expect(attempts.take(worker, job('1', 2))).toBeUndefined()
})

test.each([
  ['another attempt in between', worker, job('1', 3)],
  ['a job of the same id, added anew', worker, job('1', 2, { timestamp: NOW + 1 })],
  ['another job', worker, job('2', 2)],
  ['another queue', { ...worker, name: 'other' }, job('1', 2)],
  ['another prefix', { ...worker, opts: { prefix: 'p' } }, job('1', 2)],
])('not for %s', (_what, asking, retried) => {
  const attempts = previousAttempts()
  attempts.note(worker, job('1', 1), ENDED)
  expect(attempts.take(asking, retried)).toBeUndefined()
})

test('memory is bounded: the oldest are forgotten', () => {
  const attempts = previousAttempts(2)
  for (const id of ['1', '2', '1', '3']) attempts.note(worker, job(id, 1), ENDED)
  expect(['1', '2', '3'].map((id) => attempts.take(worker, job(id, 2)) !== undefined)).toEqual([
    true,
    false,
    true,
  ])
})

const stored = (attempt: string, sent = NOW - 500): string =>
  JSON.stringify({ attempt, waybill: `sent=${sent};origin=${sent}` })
const retried = (backoff: object | number | undefined): Job =>
  job('1', 3, { opts: { backoff: backoff as never } })

test.each<[string, unknown, object | number | undefined, object | undefined]>([
  ['a fixed backoff', stored('2:delay'), { type: 'fixed', delay: 80 }, { ended: NOW - 500, backoff: 80 }],
  ['a number', stored('2:delay'), 80, { backoff: 80 }],
  ['an exponential backoff', stored('2:delay'), { type: 'exponential', delay: 80 }, { backoff: 160 }],
  ['no backoff', stored('2:retry'), undefined, { backoff: 0 }],
  ['jitter', stored('2:delay'), { type: 'fixed', delay: 80, jitter: 0.1 }, { backoff: undefined }],
  ['a strategy of its own', stored('2:delay'), { type: 'own' }, { backoff: undefined }],
  ['an earlier attempt', stored('1:delay'), 80, undefined],
  ['no attempt', stored('x'), 80, undefined],
  ['a time that cannot be', stored('2:delay', 5), 80, undefined],
  ['nothing', null, 80, undefined],
  ["a peer's metadata", '{"traceparent":"x"}', 80, undefined],
])('what is stored of a failure, with %s', (_what, text, backoff, expected) => {
  const previous = previousIn(text, retried(backoff), NOW)
  if (expected === undefined) expect(previous).toBeUndefined()
  else expect(previous).toMatchObject(expected)
})
