import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import vectors from '../../../docs/wire-format/carriers.json' with { type: 'json' }
import {
  fieldListGetter,
  mapGetter,
  parseJsonCarrier,
  recordGetter,
  stampFieldList,
  stampRecord,
} from '../src/carrier.ts'

function decode(value: unknown): unknown {
  if (typeof value === 'string') return value.startsWith('hex:') ? Buffer.from(value.slice(4), 'hex') : value
  if (Array.isArray(value)) return value.map(decode)
  if (typeof value === 'object' && value !== null)
    return Object.fromEntries(Object.entries(value).map(([k, v]) => [k, decode(v)]))
  return value
}

const stamp = { fields: { traceparent: 'new', waybill: 'w' }, replaces: new Set(['traceparent', 'waybill']) }

describe('reading a record', () => {
  test.each(vectors.record)('$case', ({ carrier, name, expect: expected }) => {
    expect(recordGetter.get(decode(carrier) as object, name) ?? null).toBe(expected)
  })

  test('inherited keys are not read', () => {
    expect(recordGetter.get(Object.create({ traceparent: 'a' }) as object, 'traceparent')).toBeUndefined()
  })

  test('a key named __proto__ is data, not a prototype', () => {
    const hostile = JSON.parse('{"__proto__": {"traceparent": "a"}}') as object
    expect(recordGetter.get(hostile, 'traceparent')).toBeUndefined()
  })

  test.each([null, undefined])('%s is an empty carrier', (carrier) => {
    expect(recordGetter.get(carrier, 'traceparent')).toBeUndefined()
    expect(recordGetter.keys(carrier)).toEqual([])
  })

  test.each(vectors.limits)('$name is read up to $longest characters', ({ name, longest }) => {
    expect(recordGetter.get({ [name]: 'a'.repeat(longest) }, name)).toHaveLength(longest)
    expect(recordGetter.get({ [name]: 'a'.repeat(longest + 1) }, name)).toBeUndefined()
  })

  test('of baggage the first 64 members are read', () => {
    const members = Array.from({ length: 70 }, (_, i) => `k${i}=v`)
    expect(recordGetter.get({ baggage: members.join(',') }, 'baggage')).toBe(members.slice(0, 64).join(','))
    expect(recordGetter.get({ baggage: members.slice(0, 64).join(',') }, 'baggage')).toBe(
      members.slice(0, 64).join(','),
    )
  })

  test('no value makes the reader throw', () => {
    fc.assert(
      fc.property(
        fc.dictionary(fc.constantFrom('traceparent', 'Traceparent', 'x', '__proto__'), fc.anything()),
        (carrier) => {
          const value = recordGetter.get(carrier, 'traceparent')
          expect(value === undefined || typeof value === 'string').toBe(true)
        },
      ),
    )
  })
})

describe('reading a field list', () => {
  test.each(vectors.fieldList)('$case', ({ carrier, name, expect: expected }) => {
    expect(fieldListGetter.get(decode(carrier) as unknown[], name) ?? null).toBe(expected)
  })
})

describe('reading a map', () => {
  test('string and byte keys, any letter case', () => {
    expect(mapGetter.get(new Map([['traceparent', 'a']]), 'traceparent')).toBe('a')
    expect(mapGetter.get(new Map([[Buffer.from('traceparent'), Buffer.from('a')]]), 'traceparent')).toBe('a')
    expect(mapGetter.get(new Map([['TraceParent', 'a']]), 'traceparent')).toBe('a')
    expect(mapGetter.get(new Map([['x', 'a']]), 'traceparent')).toBeUndefined()
    expect(
      mapGetter.keys(
        new Map<unknown, unknown>([
          ['a', 1],
          [Buffer.from('b'), 2],
          [3, 3],
        ]),
      ),
    ).toEqual(['a', 'b'])
  })
})

describe('reading JSON', () => {
  test('an object is a carrier, everything else is not', () => {
    expect(parseJsonCarrier('{"traceparent":"a"}')).toEqual({ traceparent: 'a' })
    for (const foreign of ['null', '"x"', '[]', '42', '{', '', 'a-b-1', undefined, null, 7, {}])
      expect(parseJsonCarrier(foreign)).toBeUndefined()
    expect(parseJsonCarrier(`{"a":"${'x'.repeat(70_000)}"}`)).toBeUndefined()
  })
})

describe('writing a record', () => {
  test('replaces ours in any letter case and keeps the rest, in a copy', () => {
    const headers = Object.freeze({ 'x-user': 1, TraceParent: 'old', waybill: 'old' })
    expect(stampRecord<unknown>(headers, stamp)).toEqual({ 'x-user': 1, traceparent: 'new', waybill: 'w' })
  })

  test('inherited keys stay, since amqplib sends them', () => {
    expect(stampRecord(Object.create({ inherited: 'x' }) as Record<string, string>, stamp)).toEqual({
      inherited: 'x',
      ...stamp.fields,
    })
  })

  test('a key named __proto__ stays data', () => {
    const copy = stampRecord(JSON.parse('{"__proto__": "x"}') as Record<string, string>, stamp)
    expect(Object.getPrototypeOf(copy)).toBe(Object.prototype)
    expect(Object.hasOwn(copy, '__proto__')).toBe(true)
  })

  test.each([null, undefined, {}])('%s becomes a record of ours alone', (headers) => {
    expect(stampRecord(headers, stamp)).toEqual(stamp.fields)
  })
})

describe('writing a field list', () => {
  test('ours come last, in their order; replaced ones go; the list is not touched', () => {
    const list = Object.freeze(['a', '1', 'Traceparent', 'old', 'b', Buffer.from('2')])
    expect(stampFieldList<unknown>(list, stamp)).toEqual([
      'a',
      '1',
      'b',
      Buffer.from('2'),
      'traceparent',
      'new',
      'waybill',
      'w',
    ])
  })

  test('an odd list stays odd, for the client to reject', () => {
    expect(stampFieldList(['a'], stamp)).toEqual(['a', 'traceparent', 'new', 'waybill', 'w'])
  })
})
