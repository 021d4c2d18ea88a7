import { describe, expect, test } from 'vitest'
import { mergeExports, spansOf } from '../src/spans/otlp.ts'

const traceId = '5b8efff798038103d269b633813fc60c'

/** As an exporter writes it: 64-bit integers as text, ids in hex. */
const exported = {
  resourceSpans: [
    {
      resource: { attributes: [{ key: 'service.name', value: { stringValue: 'retriever' } }] },
      scopeSpans: [
        {
          scope: { name: '@waybill/kafka', version: '0.1.0' },
          spans: [
            {
              traceId,
              spanId: 'eee19b7ec3c1b174',
              parentSpanId: 'eee19b7ec3c1b173',
              name: 'process sub-questions',
              kind: 5,
              startTimeUnixNano: '1764067200123456789',
              endTimeUnixNano: '1764067200223456789',
              attributes: [
                { key: 'text', value: { stringValue: '' } },
                { key: 'yes', value: { boolValue: false } },
                { key: 'integer', value: { intValue: '42' } },
                { key: 'double', value: { doubleValue: 0.25 } },
                { key: 'list', value: { arrayValue: { values: [{ intValue: 1 }, { stringValue: 'b' }] } } },
                {
                  key: 'map',
                  value: { kvlistValue: { values: [{ key: 'k', value: { boolValue: true } }] } },
                },
                { key: 'nothing', value: {} },
              ],
              links: [{ traceId, spanId: 'eee19b7ec3c1b173', attributes: [] }],
              status: { code: 2 },
            },
            {
              traceId,
              spanId: 'eee19b7ec3c1b175',
              parentSpanId: '',
              name: 'earlier',
              kind: 2,
              startTimeUnixNano: '1764067200000000000',
              endTimeUnixNano: '1764067201000000000',
              status: { code: 0 },
            },
          ],
        },
      ],
    },
  ],
}

describe('spans of an export', () => {
  const [earlier, span] = spansOf(exported)

  test('every field is taken over, times to the microsecond', () => {
    expect(span).toEqual({
      traceId,
      spanId: 'eee19b7ec3c1b174',
      parentSpanId: 'eee19b7ec3c1b173',
      name: 'process sub-questions',
      kind: 5,
      agent: 'retriever',
      scope: '@waybill/kafka',
      start: 1764067200123.456,
      end: 1764067200223.456,
      attributes: {
        text: '',
        yes: false,
        integer: 42,
        double: 0.25,
        list: [1, 'b'],
        map: { k: true },
        nothing: null,
      },
      links: [{ traceId, spanId: 'eee19b7ec3c1b173' }],
      failed: true,
    })
  })

  test('the earliest comes first; an empty parent is no parent; no error is no failure', () => {
    expect(earlier).toMatchObject({ name: 'earlier', failed: false, attributes: {}, links: [] })
    expect(earlier).not.toHaveProperty('parentSpanId')
  })

  test('an export without spans has none', () => {
    expect(spansOf({ resourceSpans: [] })).toEqual([])
    expect(spansOf({ resourceSpans: [{}] })).toEqual([])
  })
})

test('merging keeps all resources as they came, in one request', () => {
  const merged = mergeExports([exported, { resourceSpans: [] }, exported])
  expect(Object.keys(merged)).toEqual(['resourceSpans'])
  expect(merged.resourceSpans).toEqual([...exported.resourceSpans, ...exported.resourceSpans])
})
