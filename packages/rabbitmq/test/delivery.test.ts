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
      'dead-lettered, where counts run together',
      { 'x-death': death, 'x-delivery-count': 1 },
      true,
      undefined,
    ],
    ['a stream, which counts nothing', { 'x-stream-offset': 12 }, false, undefined],
  ])('%s', (_case, headers, redelivered, attempt) => {
    expect(described(headers, redelivered).attempt).toBe(attempt)
  })
})

describe('start of the wait', () => {
  test.each([
    ['first delivery', {}, false, undefined],
    ['redelivery', {}, true, 'redelivered'],
    ['dead-lettered', { 'x-death': death }, false, 'dead_lettered'],
    ['dead-lettered and redelivered', { 'x-death': death }, true, 'dead_lettered'],
    ['made-up x-death', { 'x-death': 'x' }, false, 'dead_lettered'],
    ['stream', { 'x-stream-offset': 0 }, false, 'replayed'],
    ['held back by the delayed-message plugin', { 'x-delay': -5000 }, false, 'rescheduled'],
    ['x-delay that no plugin has seen', { 'x-delay': 5000 }, false, undefined],
  ])('%s: unknown %s', (_case, headers, redelivered, unknown) => {
    expect(described(headers, redelivered).unknown).toBe(unknown)
  })

  const MS = 1_795_346_315_920
  test.each<[string, object, unknown, unknown[]]>([
    ['nothing but our own stamp', {}, undefined, ['sent']],
    ["then the broker's", { timestamp_in_ms: MS }, undefined, ['sent', { at: MS, clock: 'broker' }]],
    ['then timestamp in seconds', {}, 1_795_346_315, ['sent', { at: 1_795_346_315_000, clock: 'producer' }]],
    ['timestamp in milliseconds', {}, MS, ['sent', { at: MS, clock: 'producer' }]],
    [
      'all three',
      { timestamp_in_ms: MS },
      1_795_346_315,
      ['sent', { at: MS, clock: 'broker' }, { at: 1_795_346_315_000, clock: 'producer' }],
    ],
    ['stamps that are no numbers', { timestamp_in_ms: '1' }, Buffer.from('1'), ['sent']],
  ])('%s', (_case, headers, timestamp, times) => {
    expect(described({ ...headers }, false, { timestamp }).times).toEqual(times)
  })
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
