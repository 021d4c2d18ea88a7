import { EventEmitter } from 'node:events'
import { ROOT_CONTEXT } from '@opentelemetry/api'
import type { Sending, SendResult } from '@waybill/core/adapter'
import { expect, test } from 'vitest'
import { confirmsOf } from '../src/confirm.ts'

/** A confirm channel of amqplib: the field came with 2.2.1. */
const channel = (fields: object = { closedWithUnconfirmed: false }) =>
  Object.assign(new EventEmitter(), { waitForConfirms: () => Promise.resolve() }, fields)

function sending(): Sending & { readonly results: SendResult[] } {
  const results: SendResult[] = []
  const stamp = () => ({ fields: {}, replaces: new Set<string>() })
  return { results, context: ROOT_CONTEXT, stamp, end: (result = {}) => void results.push(result) }
}

test('a channel without confirms has none', () => {
  expect(confirmsOf(new EventEmitter())).toBeUndefined()
})

test('a confirm ends the span before the application hears of it', () => {
  const sent = sending()
  const heard: unknown[] = []
  const callback = confirmsOf(channel())?.observe(sent, (...answer: unknown[]) =>
    heard.push(answer, sent.results.length),
  )
  callback?.(null)
  expect(heard).toEqual([[null], 1])
  expect(sent.results).toEqual([{}])
})

test('a callback that throws throws as it did', () => {
  const thrown = new Error('mine')
  const callback = confirmsOf(channel())?.observe(sending(), () => {
    throw thrown
  })
  expect(() => callback?.(null)).toThrow(thrown)
})

test('before amqplib 2.2.1 no callback is added, since waitForConfirms() would notice; one that is there is used', () => {
  const old = confirmsOf(channel({}))
  expect(old?.observe(sending(), undefined)).toBeUndefined()
  expect(old?.observe(sending(), () => undefined)).toBeTypeOf('function')
  expect(confirmsOf(channel())?.observe(sending(), undefined)).toBeTypeOf('function')
})

test('nack, and a channel lost with and without a reason', () => {
  const emitter = channel()
  const confirms = confirmsOf(emitter)
  const nacked = sending()
  const error = new Error('message nacked')
  confirms?.observe(nacked, undefined)?.(error)
  expect(nacked.results).toEqual([{ failure: { error }, errorType: 'nack' }])

  const lost = sending()
  const closed = new Error('channel closed')
  confirms?.observe(lost, undefined)?.(closed)
  expect(lost.results).toEqual([{ failure: { error: closed }, errorType: 'channel_closed' }])

  const reason = Object.assign(new Error('NOT_FOUND'), { code: 404 })
  // We listen, but nobody is to think that the application does.
  expect(emitter.listenerCount('error')).toBe(0)
  expect(() => emitter.emit('error', reason)).toThrow(reason)
  const refused = sending()
  confirms?.observe(refused, undefined)?.(closed)
  expect(refused.results).toEqual([{ failure: { error: reason }, errorType: '404' }])
})
