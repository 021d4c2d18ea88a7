import { describe, expect, test } from 'vitest'
import { incomingOf, isDelivered } from '../src/delivery.ts'
import type { Delivered } from '../src/types.ts'

/** A message as amqplib hands it over. */
function message(
  headers: Record<string, unknown> | undefined,
  redelivered = false,
  properties: object = {},
): Delivered {
  return {
    fields: { deliveryTag: 7, redelivered, exchange: 'orders', routingKey: 'paid' },
    properties: { ...(headers && { headers }), ...properties },
  }
}
const described = (...args: Parameters<typeof message>) =>
  incomingOf(message(...args), 'consume', 'billing', { 'server.port': 5672 })

const death = [{ count: 1, reason: 'expired', queue: 'q', time: { '!': 'timestamp', value: 1_795_346_315 } }]

describe('attempt', () => {
  test.each([
    ['first delivery', {}, false, 1],
    [
      'first delivery with a count that a publisher made up',
      { 'x-delivery-count': 42, 'x-acquired-count': 41 },
      false,
      1,
    ],
    ['redelivery on a classic queue', {}, true, 2],
    ['quorum queue of 4.0, after two returns', { 'x-delivery-count': 2 }, true, 3],
    [
      'quorum queue of 4.3, after a nack and a reject',
      { 'x-delivery-count': 1, 'x-acquired-count': 2 },
      true,
      3,
    ],
    ['quorum queue of 4.3, after a nack', { 'x-acquired-count': 1 }, true, 2],
    ['a count of zero', { 'x-delivery-count': 0 }, true, 2],
    ['a negative count', { 'x-acquired-count': -5 }, true, 2],
    ['a fraction', { 'x-acquired-count': 1.5 }, true, 2],
    ['a count as text', { 'x-acquired-count': '9' }, true, 2],
    ['an absurd count', { 'x-acquired-count': 2 ** 53 }, true, 2],
    ['a bad count before a good one', { 'x-acquired-count': 'x', 'x-delivery-count': 3 }, true, 4],
    [
      'dead-lettered elsewhere, where counts run together',
      { 'x-death': death, 'x-delivery-count': 7 },
      true,
      1,
    ],
    ['rejected elsewhere', { 'x-death': [{ count: 5, reason: 'rejected', queue: 'other' }] }, false, 1],
    [
      'rejected here twice before it came back',
      { 'x-death': [{ count: 2, reason: 'rejected', queue: 'billing' }, ...death] },
      false,
      3,
    ],
    [
      'expired here, which no handler saw',
      { 'x-death': [{ count: 4, reason: 'expired', queue: 'billing' }] },
      false,
      1,
    ],
    [
      'over its delivery limit here',
      { 'x-death': [{ count: 1, reason: 'delivery_limit', queue: 'billing' }] },
      true,
      2,
    ],
    [
      'made-up deaths',
      { 'x-death': [null, 7, { count: -3, reason: 'rejected', queue: 'billing' }] },
      false,
      2,
    ],
    ['a stream, which counts nothing', { 'x-stream-offset': 12 }, false, undefined],
  ])('%s', (_case, headers, redelivered, attempt) => {
    expect(described(headers, redelivered).attempt).toBe(attempt)
  })
})

test.each([
  ['first delivery', {}, false, undefined],
  ['classic queue', {}, true, true],
  ['quorum queue', { 'x-delivery-count': 1 }, true, undefined],
  ['dead-lettered', { 'x-death': death }, false, true],
])('the attempt is a lower bound, %s', (_case, headers, redelivered, expected) => {
  const details = described(headers, redelivered).details?.()
  expect(details?.['waybill.delivery.attempt.lower_bound']).toBe(expected)
})

describe('start of the wait', () => {
  test.each([
    ['first delivery', {}, false, undefined],
    ['redelivery', {}, true, 'redelivered'],
    ['dead-lettered once', { 'x-death': death }, false, undefined],
    ['dead-lettered twice', { 'x-death': [{ ...death[0], count: 2 }] }, false, 'dead_lettered'],
    ['dead-lettered, nobody knows when', { 'x-death': [{ ...death[0], time: 'x' }] }, false, 'dead_lettered'],
    ['dead-lettered and redelivered', { 'x-death': death }, true, 'dead_lettered'],
    ['made-up x-death', { 'x-death': 'x' }, false, 'dead_lettered'],
    ['stream', { 'x-stream-offset': 0 }, false, 'replayed'],
    ['held back by the delayed-message plugin', { 'x-delay': -5000 }, false, 'rescheduled'],
    ['x-delay that no plugin has seen', { 'x-delay': 5000 }, false, undefined],
  ])('%s: unknown %s', (_case, headers, redelivered, unknown) => {
    expect(described(headers, redelivered).unknown).toBe(unknown)
  })

  const MS = 1_795_346_315_920
  const SECONDS = { at: 1_795_346_315_000, clock: 'producer', resolution: 1000 }
  test.each<[string, object, unknown, unknown[]]>([
    ['nothing but our own stamp', {}, undefined, ['sent']],
    ["then the broker's", { timestamp_in_ms: MS }, undefined, ['sent', { at: MS, clock: 'broker' }]],
    ['then timestamp in seconds', {}, 1_795_346_315, ['sent', SECONDS]],
    ['timestamp in milliseconds', {}, MS, ['sent', { at: MS, clock: 'producer' }]],
    ['all three', { timestamp_in_ms: MS }, 1_795_346_315, ['sent', { at: MS, clock: 'broker' }, SECONDS]],
    ['stamps that are no numbers', { timestamp_in_ms: '1' }, Buffer.from('1'), ['sent']],
  ])('%s', (_case, headers, timestamp, times) => {
    expect(described({ ...headers }, false, { timestamp }).times).toEqual(times)
  })
})

describe('after dead-lettering', () => {
  const SINCE = { at: 1_795_346_315_000, clock: 'broker', resolution: 1000 }

  test('the wait begins with the last death, in whole seconds; the age with the publish', () => {
    expect(described({ 'x-death': death })).toMatchObject({ times: [SINCE], agedFrom: ['sent'] })
  })

  test('the time to live that a sender gave is a delay on purpose, where it expired', () => {
    const held = { ...death[0], 'original-expiration': '5000' }
    expect(described({ 'x-death': [held] }).scheduledDelay).toBe(5000)
    expect(
      described({ 'x-death': [{ ...held, 'original-expiration': 'soon' }] }).scheduledDelay,
    ).toBeUndefined()
    expect(described({ 'x-death': [{ ...held, reason: 'rejected' }] }).scheduledDelay).toBeUndefined()
  })

  test('deaths that were copied into a message are not its own', () => {
    const sent = Date.now() - 1000
    const mark = 'deaths-1-1795346315'
    const copied = { 'x-death': death, waybill: `sent=${sent};origin=${sent};op=${mark}` }
    expect(described(copied)).toMatchObject({ times: ['sent'], unknown: undefined })
    expect(described(copied, true)).toMatchObject({ unknown: 'redelivered' })
    const [first] = death
    const later = { ...copied, 'x-death': [{ ...first, count: 2 }] }
    expect(described(later)).toMatchObject({ unknown: 'dead_lettered' })
    const again = { ...copied, 'x-death': [{ ...first, time: { value: 1_795_346_320 } }] }
    expect(described(again)).toMatchObject({ times: [{ at: 1_795_346_320_000 }] })
  })

  test('first and last death are told', () => {
    const headers = {
      'x-death': [
        { count: 2, reason: 'expired', queue: 'wait' },
        { count: 3, reason: 'rejected', queue: 'jobs' },
      ],
      'x-first-death-queue': 'jobs',
      'x-first-death-reason': 'rejected',
    }
    expect(described(headers).details?.()).toMatchObject({
      'rabbitmq.message.deaths': 5,
      'rabbitmq.message.first_death.queue': 'jobs',
      'rabbitmq.message.first_death.reason': 'rejected',
      'rabbitmq.message.last_death.queue': 'wait',
      'rabbitmq.message.last_death.reason': 'expired',
    })
  })
})

test('the offset in a stream is told', () => {
  expect(described({ 'x-stream-offset': 12 }).details?.()).toMatchObject({ 'rabbitmq.stream.offset': 12 })
  expect(described({ 'x-stream-offset': 'x' }).details?.()).not.toHaveProperty('rabbitmq.stream.offset')
})

test('identity, destination and attributes', () => {
  const incoming = described({}, false, { messageId: 'm1', correlationId: 'c1' })
  expect(incoming).toMatchObject({
    destination: { name: 'orders:paid:billing' },
    messageId: 'm1',
    conversationId: 'c1',
  })
  expect(incoming.details?.()).toEqual({
    'server.port': 5672,
    'rabbitmq.destination.routing_key': 'paid',
    'rabbitmq.message.delivery_tag': 7,
  })
  expect(described(undefined).carrier).toBeUndefined()
  expect(described({}, false, { messageId: 7, correlationId: '' })).toMatchObject({
    messageId: undefined,
    conversationId: undefined,
  })
})

test('only a message is a message', () => {
  expect(isDelivered(message({}))).toBe(true)
  for (const value of [null, undefined, false, {}, 'text', { fields: {} }, { fields: { deliveryTag: 1 } }]) {
    expect(isDelivered(value)).toBe(false)
  }
})
