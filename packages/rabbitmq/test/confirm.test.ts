import { EventEmitter } from 'node:events'
import type { SendResult } from '@waybill/core/adapter'
import { describe, expect, test } from 'vitest'
import { confirmsOf, resultOf, type Awaiting } from '../src/confirm.ts'
import { returnKey } from '../src/returned-messages.ts'

/** A confirm channel of amqplib, as far as it is watched. */
const channel = (lwm = 1, unconfirmed: unknown[] = []) =>
  Object.assign(new EventEmitter(), { waitForConfirms: () => Promise.resolve(), lwm, unconfirmed })

function awaiting(): Awaiting & { readonly results: SendResult[] } {
  const results: SendResult[] = []
  return { results, end: (result) => void results.push(result) }
}

const KEY = returnKey('orders', 'paid', { traceparent: '00-a-b-01' })
const returned = {
  fields: { exchange: 'orders', routingKey: 'paid', replyCode: 312, replyText: 'NO_ROUTE' },
  properties: { headers: { traceparent: '00-a-b-01' } },
}

test('a channel without confirms has none', () => {
  expect(confirmsOf(new EventEmitter())).toBeUndefined()
})

test.each([
  [1, [], 1],
  [1, [false, false], 3],
  [7, [null, () => undefined], 9],
])('the lowest unconfirmed tag %i and slots %o: the next tag is %i', (lwm, unconfirmed, next) => {
  expect(confirmsOf(channel(lwm, unconfirmed))?.nextTag()).toBe(next)
})

test('a client that does not tell its tags', () => {
  const emitter = Object.assign(new EventEmitter(), { waitForConfirms: () => undefined })
  expect(confirmsOf(emitter)?.nextTag()).toBeUndefined()
})

test('a confirm ends the span before the client hears of it, its own message only', () => {
  const emitter = channel()
  const heard: number[] = []
  const [first, second] = [awaiting(), awaiting()]
  emitter.on('ack', () => heard.push(second.results.length))
  const confirms = confirmsOf(emitter)
  confirms?.await(1, first, undefined)
  confirms?.await(2, second, undefined)
  emitter.emit('ack', { deliveryTag: 2, multiple: false })
  expect([first.results, second.results, heard]).toEqual([[], [{}], [1]])
  emitter.emit('ack', { deliveryTag: 2, multiple: false })
  expect(second.results).toHaveLength(1)
})

test('a confirm of several ends those up to its tag', () => {
  const emitter = channel()
  const confirms = confirmsOf(emitter)
  const sent = [1, 2, 3].map((tag) => {
    const one = awaiting()
    confirms?.await(tag, one, undefined)
    return one
  })
  emitter.emit('nack', { deliveryTag: 2, multiple: true })
  expect(sent.map(({ results }) => results.map(({ errorType }) => errorType))).toEqual([
    ['nack'],
    ['nack'],
    [],
  ])
})

test('a channel lost with and without a reason', () => {
  const emitter = channel()
  const confirms = confirmsOf(emitter)
  const lost = awaiting()
  confirms?.await(1, lost, undefined)
  emitter.emit('close')
  expect(lost.results).toEqual([
    { failure: { error: new Error('channel closed') }, errorType: 'channel_closed' },
  ])

  const reason = Object.assign(new Error('NOT_FOUND'), { code: 404 })
  // We listen, but nobody is to think that the application does.
  expect(emitter.listenerCount('error')).toBe(0)
  expect(() => emitter.emit('error', reason)).toThrow(reason)
  const refused = awaiting()
  confirms?.await(2, refused, undefined)
  emitter.emit('close')
  expect(refused.results).toEqual([{ failure: { error: reason }, errorType: '404' }])
})

describe('a message that comes back', () => {
  test('is the error of its own span, at the confirm', () => {
    const emitter = channel()
    const confirms = confirmsOf(emitter)
    const [routed, unroutable, again] = [awaiting(), awaiting(), awaiting()]
    confirms?.await(1, routed, returnKey('orders', 'paid', { traceparent: '00-c-d-01' }))
    confirms?.await(2, unroutable, KEY)
    confirms?.await(3, again, KEY)
    emitter.emit('return', returned)
    expect(unroutable.results).toEqual([])
    emitter.emit('ack', { deliveryTag: 3, multiple: true })
    expect(routed.results).toEqual([{}])
    expect(unroutable.results).toEqual([
      { failure: { error: new Error('NO_ROUTE: returned by the broker') }, errorType: 'NO_ROUTE' },
    ])
    expect(again.results).toEqual([{}])
  })

  test('one after the other, each with its own confirm', () => {
    const emitter = channel()
    const confirms = confirmsOf(emitter)
    const both = [awaiting(), awaiting()]
    both.forEach((one, i) => confirms?.await(i + 1, one, KEY))
    emitter.emit('return', returned)
    emitter.emit('return', returned)
    emitter.emit('ack', { deliveryTag: 2, multiple: true })
    expect(both.map(({ results }) => results[0]?.errorType)).toEqual(['NO_ROUTE', 'NO_ROUTE'])
  })

  test.each([
    ['somebody else', { ...returned, properties: { headers: {} } }],
    ['nothing', undefined],
    ['a shapeless message', {}],
  ])('of %s changes nothing', (_what, message) => {
    const emitter = channel()
    const confirms = confirmsOf(emitter)
    const sent = awaiting()
    confirms?.await(1, sent, KEY)
    emitter.emit('return', message)
    emitter.emit('ack', { deliveryTag: 1, multiple: false })
    expect(sent.results).toEqual([{}])
  })

  test('with a reason that is no code', () => {
    const emitter = channel()
    const confirms = confirmsOf(emitter)
    const sent = awaiting()
    confirms?.await(1, sent, KEY)
    emitter.emit('return', { ...returned, fields: { ...returned.fields, replyText: 'no such <queue>' } })
    emitter.emit('ack', { deliveryTag: 1, multiple: false })
    expect(sent.results[0]?.errorType).toBe('returned')
  })
})

test.each([
  [null, undefined],
  [undefined, undefined],
  [new Error('message nacked'), 'nack'],
  [new Error('channel closed'), 'channel_closed'],
  [new Error('timeout'), 'timeout'],
  [new RangeError('else'), undefined],
])('what a client says of its confirm, %o: %s', (error, errorType) => {
  const result = resultOf(error)
  expect(result.errorType).toBe(errorType)
  expect(result.failure).toEqual(error === null || error === undefined ? undefined : { error })
})
