import { context, propagation, ROOT_CONTEXT, trace, type Context } from '@opentelemetry/api'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { installSdk, tracerWith, type TestTelemetry } from '../../../integration-tests/telemetry.ts'
import { baggageSpanProcessor, inject, WaybillTypeError, type BaggageSpanProcessor } from '../src/index.ts'

const withBaggage = (entries: Record<string, string>): Context =>
  propagation.setBaggage(
    ROOT_CONTEXT,
    propagation.createBaggage(
      Object.fromEntries(Object.entries(entries).map(([key, value]) => [key, { value }])),
    ),
  )
const JWT = 'eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl'

describe('baggage on spans', () => {
  let telemetry: TestTelemetry
  beforeEach(() => {
    telemetry = installSdk()
  })
  afterEach(() => telemetry.uninstall())

  /** Attributes of a span of an SDK with this processor, started under such baggage. */
  function attributesOf(processor: BaggageSpanProcessor, entries: Record<string, string>): object {
    const span = tracerWith(processor).startSpan('work', {}, withBaggage(entries)) as unknown as {
      attributes: object
      end(): void
    }
    span.end()
    return span.attributes
  }
  const dropped = async () =>
    (await telemetry.series('waybill.baggage.dropped')).map(({ attributes, value, unit }) => [
      attributes['waybill.baggage.drop_reason'],
      value,
      unit,
    ])

  test('allowed keys are on the span, others are not', async () => {
    const processor = baggageSpanProcessor({ allow: ['session.id', 'absent'] })
    expect(attributesOf(processor, { 'session.id': 's1', secret: 'x' })).toEqual({ 'session.id': 's1' })
    expect(attributesOf(processor, {})).toEqual({})
    expect(telemetry.warnings).toEqual([])
    expect(await dropped()).toEqual([])
  })

  test('log records get them as well', () => {
    const seen: Record<string, string> = {}
    const record = { setAttribute: (key: string, value: string) => void (seen[key] = value) }
    const processor = baggageSpanProcessor({ allow: ['session.id'] })
    processor.onEmit(record, withBaggage({ 'session.id': 's1' }))
    processor.onEmit(record)
    expect(seen).toEqual({ 'session.id': 's1' })
  })

  test('hashed keys: the same value gives the same digest, and a long or denied one does not get out', () => {
    const processor = baggageSpanProcessor({ allow: ['user.id'], hash: ['user.id'] })
    const digest = /^[0-9a-f]{32}$/
    const { 'user.id': first } = attributesOf(processor, { 'user.id': 'a@b.example' }) as {
      'user.id': string
    }
    expect(first).toMatch(digest)
    expect(attributesOf(processor, { 'user.id': 'a@b.example' })).toEqual({ 'user.id': first })
    expect(attributesOf(processor, { 'user.id': 'x'.repeat(4000) })).toEqual({
      'user.id': expect.stringMatching(digest),
    })
  })

  test.each([
    ['e-mail', 'ann@example.org', 'denied'],
    ['JSON Web Token', JWT, 'denied'],
    ['card number', '4111 1111 1111 1111', 'denied'],
    ['own pattern', 'internal-7', 'denied'],
    ['129 characters', 'x'.repeat(129), 'too_long'],
    ['5 kB', 'x'.repeat(5000), 'too_long'],
  ])('agents-29: %s never reaches a span', async (_what, value, reason) => {
    const processor = baggageSpanProcessor({ allow: ['session.id', 'other'], deny: [/^internal-/g] })
    for (let i = 0; i < 2; i++) {
      expect(attributesOf(processor, { 'session.id': value, other: 'kept' })).toEqual({ other: 'kept' })
    }
    expect(telemetry.warnings).toHaveLength(1)
    expect(telemetry.warnings[0]).not.toContain(value)
    expect(await dropped()).toEqual([[reason, 2, '{entry}']])
  })

  test('maxKeys and maxLength hold', async () => {
    const processor = baggageSpanProcessor({ allow: ['a', 'b', 'c'], maxKeys: 2, maxLength: 3 })
    expect(attributesOf(processor, { a: 'abc', b: 'abcd', c: 'x' })).toEqual({ a: 'abc' })
    expect(await dropped()).toEqual([
      ['too_long', 1, '{entry}'],
      ['too_many', 1, '{entry}'],
    ])
  })

  test.each<[string, unknown]>([
    ['no options', undefined],
    ['no allow-list', {}],
    ['an empty allow-list', { allow: [] }],
    ['allow-all', { allow: '*' }],
    ['an unknown option', { allow: ['a'], maxkeys: 3 }],
    ['a pattern that is none', { allow: ['a'], deny: ['x'] }],
    ['no keys at most', { allow: ['a'], maxKeys: 0 }],
  ])('agents-29: %s is an error at construction', (_what, options) => {
    const construct = () => baggageSpanProcessor(options as never)
    expect(construct).toThrow(WaybillTypeError)
    expect(construct).toThrow('@waybill/core: baggageSpanProcessor() expected ')
  })

  test('a span that throws does not reach the application', () => {
    const target = {
      setAttribute() {
        throw new Error('broken')
      },
    }
    const processor = baggageSpanProcessor({ allow: ['a'] })
    expect(() => processor.onStart(target, withBaggage({ a: '1' }))).not.toThrow()
  })

  test.each([
    [
      'too much together',
      Object.fromEntries(Array.from({ length: 40 }, (_, i) => [`k${i}`, 'x'.repeat(50)])),
      {},
    ],
    ['one too large', { a: 'x'.repeat(5000), b: '1' }, { maxBaggageBytes: 8192 }],
    [
      'too many',
      Object.fromEntries(Array.from({ length: 200 }, (_, i) => [`k${i}`, '1'])),
      { maxBaggageBytes: 8192 },
    ],
  ])(
    'agents-31: baggage over the limits, %s: one warning, a counter, traceparent unharmed',
    async (_what, entries, options) => {
      const span = { traceId: '0af7651916cd43dd8448eb211c80319c', spanId: 'b7ad6b7169203331', traceFlags: 1 }
      const active = trace.setSpanContext(withBaggage(entries), span)
      const carriers = [1, 2].map(() => context.with(active, () => inject(options)))
      for (const carrier of carriers) {
        expect(carrier['traceparent']).toBe(`00-${span.traceId}-${span.spanId}-01`)
        const kept = carrier['baggage']?.split(',').length ?? 0
        expect(kept).toBeGreaterThan(0)
        expect(kept).toBeLessThan(Object.keys(entries).length)
      }
      const left = Object.keys(entries).length - (carriers[0]?.['baggage']?.split(',').length ?? 0)
      expect(telemetry.warnings).toHaveLength(1)
      expect(await dropped()).toEqual([['size', 2 * left, '{entry}']])
    },
  )
})
