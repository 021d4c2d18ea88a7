import fc from 'fast-check'
import { expect, test } from 'vitest'
import { inShapeOf, listOf, without } from '../src/field-list.ts'

test('fields of any shape as a list, and back', () => {
  const record = { a: '1', b: Buffer.from('2') }
  const map = new Map<unknown, unknown>(Object.entries(record))
  const list = ['a', '1', 'b', record.b]
  expect(listOf(record)).toEqual(list)
  expect(listOf(map)).toEqual(list)
  expect(listOf(list)).toBe(list)
  expect(inShapeOf(record, list)).toEqual(record)
  expect(inShapeOf(map, list)).toEqual(map)
  expect(inShapeOf([], list)).toBe(list)
  for (const nothing of [null, undefined, 'a', 1]) expect(listOf(nothing)).toBeUndefined()
})

test('a field named __proto__ is a field, and what is inherited is none', () => {
  const record = Object.create({ inherited: 'x' }) as Record<string, unknown>
  Object.defineProperty(record, '__proto__', { value: 'y', enumerable: true })
  expect(listOf(record)).toEqual(['__proto__', 'y'])
  const back = inShapeOf({}, ['__proto__', 'y', 'a', '1']) as Record<string, unknown>
  expect(Object.entries(back)).toEqual([
    ['__proto__', 'y'],
    ['a', '1'],
  ])
  expect(Object.getPrototypeOf(back)).toBe(Object.prototype)
})

test('what is left after some names is the rest, in its order; a list without them is the very same', () => {
  const names = new Set(['traceparent', 'waybill'])
  const fields = fc.array(fc.tuple(fc.constantFrom('a', 'b', 'TraceParent', 'waybill', 'x'), fc.string()))
  fc.assert(
    fc.property(fields, (pairs) => {
      const list = pairs.flat()
      const kept = without(list, names)
      expect(kept).toEqual(pairs.filter(([name]) => !names.has(name.toLowerCase())).flat())
      if (kept.length === list.length) expect(kept).toBe(list)
    }),
  )
})
