import { expect, test } from 'vitest'
import { consumedFrom, publishedTo } from '../src/destination.ts'

test.each([
  ['orders', 'paid', 'orders:paid'],
  ['', 'billing', 'billing'],
  ['orders', '', 'orders'],
  ['', '', 'amq.default'],
  ['paid', 'paid', 'paid:paid'],
])('published to exchange %j with key %j: %s', (exchange, key, name) => {
  expect(publishedTo(exchange, key)).toEqual({ name })
})

test.each([
  ['orders', 'paid', 'billing', 'orders:paid:billing'],
  ['', 'billing', 'billing', 'billing'],
  ['orders', '', 'billing', 'orders:billing'],
  ['billing', 'billing', 'billing', 'billing'],
])('consumed through exchange %j with key %j from queue %j: %s', (exchange, key, queue, name) => {
  expect(consumedFrom(exchange, key, queue)).toEqual({ name })
})

test('queues that the broker names are temporary and anonymous', () => {
  const flags = { temporary: true, anonymous: true }
  expect(consumedFrom('logs', '', 'amq.gen-x1')).toEqual({ name: 'logs:amq.gen-x1', ...flags })
  expect(publishedTo('', 'amq.gen-x1')).toEqual({ name: 'amq.gen-x1', ...flags })
})

test('all direct replies go by one name', () => {
  const replies = {
    name: 'amq.rabbitmq.reply-to',
    template: 'amq.rabbitmq.reply-to',
    temporary: true,
    anonymous: true,
  }
  expect(publishedTo('', 'amq.rabbitmq.reply-to.g1h2AA5y.token==')).toEqual(replies)
  expect(consumedFrom('', 'amq.rabbitmq.reply-to.g1h2AA5y.token==', 'amq.rabbitmq.reply-to')).toEqual(replies)
})

test('arguments of a wrong type are for the client to judge', () => {
  expect(publishedTo(undefined as never, 7 as never)).toEqual({ name: 'amq.default' })
})

test('the last way into a queue is remembered, and no other', () => {
  const first = consumedFrom('orders', 'paid', 'billing')
  expect(consumedFrom('orders', 'paid', 'billing')).toBe(first)
  expect(consumedFrom('orders', 'refunded', 'billing')).toEqual({ name: 'orders:refunded:billing' })
  expect(consumedFrom('orders', 'paid', 'archive')).toEqual({ name: 'orders:paid:archive' })
  expect(publishedTo('orders', 'paid')).toEqual({ name: 'orders:paid' })
  expect(publishedTo('returns', 'paid')).toEqual({ name: 'returns:paid' })
})

test('more routing keys than are remembered: each has its own destination', () => {
  for (const round of [1, 2])
    for (let i = 0; i < 2500; i++)
      expect(publishedTo('orders', `key-${i}`), `round ${round}`).toEqual({ name: `orders:key-${i}` })
})
