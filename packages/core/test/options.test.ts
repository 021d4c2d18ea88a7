import { describe, expect, test } from 'vitest'
import { resolveOptions, WaybillTypeError } from '../src/options.ts'

const origin = { packageName: '@waybill/kafka', functionName: 'traceProducer' }
const failure = (options: object): string => {
  try {
    resolveOptions(origin, options)
  } catch (error) {
    expect(error).toBeInstanceOf(WaybillTypeError)
    expect(error).toBeInstanceOf(TypeError)
    return (error as Error).message
  }
  throw new Error('expected an error')
}

describe('options', () => {
  test('defaults', () => {
    expect(resolveOptions(origin)).toMatchObject({
      trust: 'continue',
      maxBaggageBytes: 1024,
      maxLinks: 128,
      compat: true,
      aliases: false,
      transitSpan: { enabled: true, minMs: 1, maxMs: 3_600_000 },
    })
  })

  test('an unknown name is an error that names package, function and remedy', () => {
    expect(failure({ relatoin: 'link' })).toBe(
      '@waybill/kafka: traceProducer() expected options among tracerProvider, meterProvider, propagator, relation, trust, acceptBaggage, sendBaggage, maxBaggageBytes, existingContext, foreignCarriers, extraHeaderNames, transitSpan, maxLinks, compat, aliases, now, got "relatoin". Remove it or mend the spelling.',
    )
    expect(failure({ transitSpan: { min: 1 } })).toContain('transitSpan.minMs')
    expect(failure(JSON.parse('{"__proto__": 1}') as object)).toContain('"__proto__"')
  })

  test.each([
    [{ relation: 'child' }, `option relation to be 'parent', 'link' or a function, got "child"`],
    [{ trust: true }, `option trust to be 'continue', 'link', 'ignore' or a function, got true`],
    [{ acceptBaggage: 'tenant' }, 'option acceptBaggage to be an array of strings, got "tenant"'],
    [{ sendBaggage: [1] }, 'option sendBaggage to be an array of strings, got an array'],
    [{ maxBaggageBytes: 9000 }, 'option maxBaggageBytes to be a number from 0 to 8192, got 9000'],
    [
      { foreignCarriers: ['zipkin'] },
      "option foreignCarriers to be a list of 'datadog', 'sentry', 'cloudevents', 'appsignal', 'strands', got an array",
    ],
    [{ extraHeaderNames: 'x' }, 'option extraHeaderNames to be an array of strings, got "x"'],
    [{ maxLinks: Number.NaN }, 'option maxLinks to be a number from 0 to 10000, got NaN'],
    [{ compat: 'no' }, 'option compat to be a boolean, got "no"'],
    [{ now: 5 }, 'option now to be a function, got 5'],
    [{ propagator: {} }, 'option propagator to be an object with inject(), got an object'],
    [{ tracerProvider: class {} }, 'option tracerProvider to be an object with getTracer(), got a function'],
    [{ transitSpan: false }, 'option transitSpan to be an object, got false'],
    [{ transitSpan: { minMs: -1 } }, 'option transitSpan.minMs to be a number from 0 to'],
  ])('%o', (options, message) => {
    expect(failure(options)).toContain(message)
  })

  test.each([null, 7, 'x', []])('%o is no options object', (options) => {
    expect(() => resolveOptions(origin, options as never)).toThrow('expected an options object')
  })

  test('undefined values count as left out', () => {
    expect(resolveOptions(origin, { trust: undefined } as never).trust).toBe('continue')
  })
})
