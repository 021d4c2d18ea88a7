import type { Waybill } from '@waybill/core/adapter'
import { expect, test } from 'vitest'
import { blindDelivery, deliveryOf } from '../src/eligibility.ts'
import type { Job } from '../src/types.ts'

const NOW = 1_800_000_000_000
const SENT = NOW - 300
const stamped = (op?: string): Partial<Waybill> => ({ sent: SENT, origin: SENT, op })
const job = (more: Partial<Job> = {}): Job => ({
  id: '1',
  name: 'invoice',
  timestamp: SENT + 1,
  attemptsMade: 0,
  attemptsStarted: 1,
  stalledCounter: 0,
  stacktrace: [],
  opts: {},
  ...more,
})

test.each<[string, Partial<Job>, Partial<Waybill>, object]>([
  ['plain', {}, stamped('add'), {}],
  ['of a bulk', {}, stamped('addBulk'), {}],
  ['leaf of a flow', {}, stamped('flow-leaf'), {}],
  ['parent of a flow', {}, stamped('flow-parent'), { unknown: 'flow_parent' }],
  ['node of a flow, leaf or parent', {}, stamped(), { unknown: 'flow_parent' }],
  ['of an operation to come', {}, stamped('addTree'), { unknown: 'flow_parent' }],
  ['of a faked time', { timestamp: NOW - 60_000 }, stamped('add'), {}],
  ['delayed', { opts: { delay: 200 } }, stamped('add'), { due: SENT + 201, scheduledDelay: 200 }],
  [
    'retried',
    { attemptsMade: 1, attemptsStarted: 2 },
    stamped('add'),
    { unknown: 'redelivered', attempt: 2 },
  ],
  [
    'delayed and retried',
    { attemptsMade: 1, attemptsStarted: 2, opts: { delay: 9 } },
    stamped('add'),
    { unknown: 'redelivered', attempt: 2 },
  ],
  ['a step job', { attemptsStarted: 2 }, stamped('add'), { unknown: 'redelivered', attempt: 2 }],
  ['stalled', { stalledCounter: 1 }, stamped('add'), { unknown: 'redelivered' }],
  ['failed, its counters reset', { stacktrace: ['Error'] }, stamped('add'), { unknown: 'redelivered' }],
  ['not counted by BullMQ', { attemptsStarted: 0 }, stamped('add'), { unknown: 'redelivered' }],
  ['without a stamp', {}, {}, {}],
])('a job that is %s', (_what, more, waybill, expected) => {
  const delivery = deliveryOf(job(more), waybill, NOW)
  expect(delivery).toEqual({ waybill, times: ['sent'], attempt: 1, ...expected })
})

const PREVIOUS = { ended: NOW - 200, backoff: 150, span: undefined }
test.each<[string, Partial<Job>, Partial<typeof PREVIOUS> | undefined, object]>([
  [
    'with a backoff',
    {},
    {},
    { times: [{ at: NOW - 200 }], due: NOW - 50, scheduledDelay: 150, retried: true },
  ],
  ['at once', {}, { backoff: 0 }, { times: [{ at: NOW - 200 }], retried: true }],
  ['with a backoff that nobody knows', {}, { backoff: undefined as never }, { unknown: 'redelivered' }],
  ['after an attempt that nobody saw', {}, undefined, { unknown: 'redelivered' }],
  ['that stalled in between', { stalledCounter: 1 }, {}, { unknown: 'redelivered' }],
  ['after a step in between', { attemptsStarted: 3 }, {}, { unknown: 'redelivered' }],
])('a retry %s', (_what, more, previous, expected) => {
  const retried = job({ attemptsMade: 1, attemptsStarted: 2, stacktrace: ['Error'], ...more })
  const delivery = deliveryOf(retried, stamped('add'), NOW, previous && { ...PREVIOUS, ...previous })
  expect(delivery).toMatchObject({ attempt: retried.attemptsStarted, ...expected })
  if ('unknown' in expected) expect(delivery).not.toHaveProperty('due')
})

test.each<[string, Partial<Job>, object]>([
  ['kept back', {}, { due: SENT + 1 }],
  [
    'kept back and delayed',
    { opts: { deduplication: { keepLastIfActive: true }, delay: 9 } },
    { due: SENT + 10 },
  ],
  [
    'of a time of its own',
    { opts: { deduplication: { keepLastIfActive: true }, timestamp: 1 } },
    { unknown: 'rescheduled' },
  ],
])('a deduplicated job that is %s', (_what, more, expected) => {
  const kept = job({ opts: { deduplication: { keepLastIfActive: true } }, ...more })
  expect(deliveryOf(kept, stamped('add'), NOW)).toMatchObject(expected)
})

test('a timestamp that is trusted stands in for a stamp that is missing, and for no other', () => {
  const { times } = deliveryOf(job(), {}, NOW, undefined, true)
  expect(times).toEqual(['sent', { at: SENT + 1, clock: 'producer' }])
  expect(deliveryOf(job(), stamped('flow-parent'), NOW, undefined, true).unknown).toBe('flow_parent')
})

test('an iteration of a scheduler is due at the time in its id, and starts a journey of its own', () => {
  const iteration = job({
    id: `repeat:every:day:${NOW - 40}`,
    repeatJobKey: 'every:day',
    opts: { delay: 5000 },
  })
  expect(deliveryOf(iteration, Object.freeze(stamped('add')), NOW)).toEqual({
    waybill: { sent: NOW - 40, origin: NOW - 40 },
    times: [{ at: NOW - 40, clock: 'producer' }],
    due: NOW - 40,
    rootReason: 'scheduled',
    attempt: 1,
    unknown: undefined,
  })
})

test('an iteration without a time in its id has no known wait, and not the inherited one', () => {
  const { times, waybill, rootReason } = deliveryOf(
    job({ id: 'own', repeatJobKey: 'k' }),
    stamped('add'),
    NOW,
  )
  expect(times).toEqual([])
  expect(waybill).toEqual({})
  expect(rootReason).toBe('scheduled')
})

test('a second attempt at an iteration is a redelivery', () => {
  const again = job({ id: `repeat:k:${NOW}`, repeatJobKey: 'k', attemptsMade: 1, attemptsStarted: 2 })
  expect(deliveryOf(again, {}, NOW)).toMatchObject({
    unknown: 'redelivered',
    attempt: 2,
    rootReason: 'scheduled',
  })
})

test('of a job that is not seen nothing is claimed', () => {
  expect(blindDelivery()).toEqual({
    times: ['sent'],
    unknown: 'interface_only',
  })
})
