import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import vectors from '../../../docs/wire-format/waybill.json' with { type: 'json' }
import { formatWaybill, parseWaybill, type Waybill } from '../src/waybill.ts'

describe('the waybill field', () => {
  test.each(vectors.format)('writes $value', ({ waybill, value }) => {
    expect(formatWaybill(waybill as Waybill)).toBe(value)
  })

  test.each(vectors.parse)('reads: $case', ({ value, parsed }) => {
    expect(parseWaybill(value, vectors.now)).toEqual(parsed)
  })

  test('an absent field says nothing', () => {
    expect(parseWaybill(undefined, vectors.now)).toEqual({})
  })

  test('what is written is read again', () => {
    const time = fc.integer({ min: vectors.now - 30 * 86_400_000, max: vectors.now + 86_400_000 })
    fc.assert(
      fc.property(time, time, (sent, origin) => {
        expect(parseWaybill(formatWaybill({ sent, origin }), vectors.now)).toEqual({ sent, origin })
      }),
    )
  })

  test('no text makes the reader throw, nor gives a time outside the window', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.string().map((text) => `sent=${text}`),
          fc.integer().map((n) => `sent=${n}`),
        ),
        (text) => {
          const { sent } = parseWaybill(text, vectors.now)
          if (sent !== undefined) expect(Math.abs(sent - vectors.now)).toBeLessThanOrEqual(30 * 86_400_000)
        },
      ),
    )
  })
})
