import fc from 'fast-check'
import { expect, test } from 'vitest'
import { carrierOf, checkCarrier } from '../src/carrier.ts'

const stamp = { fields: { traceparent: 'tp', waybill: 'wb' }, replaces: new Set(['traceparent', 'waybill']) }
const json = carrierOf({ json: 'payload' })

test('into any JSON object context is written and found again, and what was there is read as before', () => {
  fc.assert(
    fc.property(
      fc.dictionary(fc.string(), fc.jsonValue()),
      fc.constantFrom(undefined, 2),
      (object, indent) => {
        const text = JSON.stringify(object, null, indent)
        const [, written] = json.write(['payload', text], stamp) as [string, string]
        expect(JSON.parse(written)).toEqual({ ...(JSON.parse(text) as object), ...stamp.fields })
        const { carrier, getter } = json.read(['payload', written])
        expect(getter.get(carrier, 'traceparent')).toBe('tp')
      },
    ),
  )
})

test('an old context in the object is overruled by the new one', () => {
  const [, text] = json.write(['payload', '{"traceparent":"old","a":1}'], stamp) as [string, string]
  expect(JSON.parse(text)).toEqual({ traceparent: 'tp', a: 1, waybill: 'wb' })
})

test('bytes stay bytes; the last field of that name counts; what is no object is left alone', () => {
  const [, bytes] = json.write(['payload', Buffer.from('{}')], stamp)
  expect(JSON.parse(String(bytes))).toEqual(stamp.fields)
  expect(bytes).toBeInstanceOf(Buffer)
  expect(json.write(['payload', '1', 'payload', '{}'], stamp)[1]).toBe('1')
  const fields = ['payload', 'text']
  expect(json.write(fields, stamp)).toBe(fields)
})

test('a field that holds context and nothing else is ours, and hidden', () => {
  const names = new Set(['traceparent', 'waybill'])
  const ours = json.write(['a', '1'], stamp)
  expect(json.visible(ours, names)).toEqual(['a', '1'])
  const payload = json.write(['payload', '{"b":1}'], stamp)
  expect(json.visible(payload, names)).toBe(payload)
})

test.each([undefined, null, 'field', {}, { json: '' }, { get: () => ({}) }, 1])(
  '%o is no carrier',
  (option) => {
    expect(checkCarrier(option)).toBe("'fields', { json: 'name of a field' } or { get, set }")
  },
)
