import { describe, expect, test } from 'vitest'
import { entriesGetter, entriesOf, headerFormOf, stampEntries } from '../src/platformatic/headers.ts'

const OPTIONS = Symbol('plt.kafka.base.options')
const identity = <T>(data: T): T => data
const text = (data: unknown) => (typeof data === 'string' ? Buffer.from(data) : undefined)

describe('headers of @platformatic/kafka', () => {
  test('the last of a repeated name counts, names may be bytes, any letter case is read', () => {
    const entries = [
      [Buffer.from('traceparent'), Buffer.from('first')],
      ['traceparent', 'last'],
      [Buffer.from('Baggage'), 'a=1'],
      [undefined, undefined],
    ] as const
    expect(entriesGetter.get(entries, 'traceparent')).toBe('last')
    expect(entriesGetter.get(entries, 'baggage')).toBe('a=1')
    expect(entriesGetter.get(entries, 'tracestate')).toBeUndefined()
    expect(entriesGetter.keys(entries)).toEqual(['traceparent', 'traceparent', 'Baggage'])
    expect(entriesGetter.get(undefined, 'baggage')).toBeUndefined()
  })

  test.each([
    [undefined, []],
    [null, []],
    [new Map([['a', 1]]), [['a', 1]]],
    [{ a: 1 }, [['a', 1]]],
    [7, undefined],
  ])('%o as entries', (headers, expected) => {
    expect(entriesOf(headers)).toEqual(expected)
  })

  test('ours replace what has their name, as text or bytes, in a copy', () => {
    const stamp = { fields: { traceparent: 'ours' }, replaces: new Set(['traceparent', 'baggage']) }
    const entries = [
      [Buffer.from('Traceparent'), 'x'],
      ['baggage', 'x'],
      ['kind', 'order'],
    ] as const
    expect([...stampEntries(entries, stamp, 'text')]).toEqual([
      ['kind', 'order'],
      ['traceparent', 'ours'],
    ])
    expect([...stampEntries(entries, stamp, 'bytes')].at(-1)).toEqual([
      Buffer.from('traceparent'),
      Buffer.from('ours'),
    ])
  })

  test.each([
    ['none known', {}, 'bytes'],
    ['no serialisers', { [OPTIONS]: {} }, 'bytes'],
    ['of values alone', { [OPTIONS]: { serializers: { value: text } } }, 'bytes'],
    [
      'that take bytes',
      { [OPTIONS]: { serializers: { headerKey: identity, headerValue: identity } } },
      'bytes',
    ],
    ['that take text', { [OPTIONS]: { serializers: { headerKey: text, headerValue: text } } }, 'text'],
    ['that differ', { [OPTIONS]: { serializers: { headerKey: text } } }, undefined],
    [
      'that make something else',
      { [OPTIONS]: { serializers: { headerKey: JSON.stringify, headerValue: JSON.stringify } } },
      undefined,
    ],
    ['that throw', { [OPTIONS]: { serializers: { headerKey: () => expect.unreachable() } } }, undefined],
  ])('serialisers: %s', (_, producer, form) => {
    expect(headerFormOf(producer)).toBe(form)
  })
})
