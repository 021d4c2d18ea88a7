import { TraceFlags } from '@opentelemetry/api'
import { describe, expect, test } from 'vitest'
import { recordGetter } from '../src/carrier.ts'
import { readDatadogContext } from '../src/datadog.ts'

const read = (carrier: object) => readDatadogContext(carrier, recordGetter)

const fields = {
  'x-datadog-trace-id': '1311768467463790320',
  'x-datadog-parent-id': '255',
  'x-datadog-sampling-priority': '1',
  'x-datadog-tags': '_dd.p.dm=-0,_dd.p.tid=6565656500000000',
}

describe("Datadog's own fields", () => {
  test('decimal ids, the upper half in a tag', () => {
    expect(read(fields)).toEqual({
      traceId: '6565656500000000123456789abcdef0',
      spanId: '00000000000000ff',
      traceFlags: TraceFlags.SAMPLED,
      isRemote: true,
    })
  })

  test('without the tag the upper half is zero; dropped by the sampler is unsampled', () => {
    const { 'x-datadog-tags': _, ...old } = fields
    expect(read({ ...old, 'x-datadog-sampling-priority': '-1' })).toMatchObject({
      traceId: '0000000000000000123456789abcdef0',
      traceFlags: TraceFlags.NONE,
    })
  })

  test.each([
    ['nothing', {}],
    ['no parent', { 'x-datadog-trace-id': '1' }],
    ['zero', { ...fields, 'x-datadog-parent-id': '0' }],
    ['more than 64 bits', { ...fields, 'x-datadog-trace-id': '18446744073709551616' }],
    ['hexadecimal', { ...fields, 'x-datadog-trace-id': 'abc' }],
    ['a number', { ...fields, 'x-datadog-trace-id': 12 }],
  ])('%s is no context', (_, carrier) => {
    expect(read(carrier)).toBeUndefined()
  })
})
