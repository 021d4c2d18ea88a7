import { createRequire } from 'node:module'
import { createTelemetry, type Stamp } from '@waybill/core/adapter'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { fitFrame, frameSizeOf, tableSize } from '../src/header-frame.ts'
import { warningsOfTest } from './warnings.ts'

const telemetry = createTelemetry({
  packageName: '@waybill/rabbitmq',
  functionName: 'test',
  version: '0',
  system: 'rabbitmq',
})
const OURS = {
  traceparent: `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01`,
  tracestate: 's'.repeat(300),
  baggage: `k=${'v'.repeat(1000)}`,
  waybill: 'sent=1795346315920;origin=1795346315920',
}

describe('headers in a frame', () => {
  const warnings = warningsOfTest()

  /** Names that stay of a message with so many bytes of the application's own. */
  function staying(
    own: number,
    frameSize: number,
    fields: Record<string, string> = OURS,
    options = {},
  ): string[] {
    const headers: Record<string, unknown> = { 'x-own': 'o'.repeat(own), ...fields }
    const stamp: Stamp = { fields, replaces: new Set() }
    fitFrame(telemetry, headers, stamp, options, frameSize)
    return Object.keys(headers)
  }

  test.each([
    [100, ['x-own', 'traceparent', 'tracestate', 'baggage', 'waybill']],
    [3000, ['x-own', 'traceparent', 'tracestate', 'waybill']],
    [3700, ['x-own', 'traceparent', 'waybill']],
    [3950, ['x-own', 'traceparent']],
    [4040, ['x-own']],
    [9000, ['x-own']],
  ])('%i bytes of the application in a frame of 4096: %o', (own, names) => {
    expect(staying(own, 4096)).toEqual(names)
  })

  test('bytes and properties together', () => {
    const headers: Record<string, unknown> = {
      'x-own': Buffer.alloc(2900),
      ...OURS,
      tracestate: '',
      baggage: '',
    }
    const stamp: Stamp = { fields: OURS, replaces: new Set() }
    const properties = {
      messageId: 'm'.repeat(250),
      replyTo: 'r'.repeat(250),
      type: 't'.repeat(250),
      appId: 'a'.repeat(250),
    }
    fitFrame(telemetry, headers, stamp, properties, 4096)
    expect(Object.keys(headers)).toEqual(['x-own', 'traceparent', 'tracestate', 'waybill'])
  })

  test('properties take room as well', () => {
    expect(staying(3560, 4096, OURS, { messageId: 'm'.repeat(200), replyTo: 'r'.repeat(200) })).toEqual([
      'x-own',
      'traceparent',
    ])
  })

  test("other propagators' fields go after baggage, and never more than ours", () => {
    expect(staying(3500, 4096, { b3: 'b'.repeat(600), traceparent: OURS.traceparent })).toEqual([
      'x-own',
      'traceparent',
    ])
  })

  test('a table is never larger than what amqplib can write, whatever the frame', () => {
    expect(staying(59_000, Number.POSITIVE_INFINITY)).toEqual([
      'x-own',
      'traceparent',
      'tracestate',
      'waybill',
    ])
  })

  test('it is said once', () => {
    staying(3950, 4096)
    staying(3950, 4096)
    expect(warnings).toEqual([
      expect.stringMatching(/frame of 4096 bytes: left out baggage, tracestate, waybill\./),
    ])
  })
})

test('the size of a table is that which amqplib writes, or little more', { timeout: 30_000 }, () => {
  const amqplib = createRequire(import.meta.url).resolve('amqplib')
  const codec = createRequire(amqplib)(amqplib.replace('channel_api.js', 'lib/codec.js')) as {
    encodeTable(buffer: Buffer, table: object, offset: number): number
  }
  // Fractions above 2 ** 50 are more than amqplib can write.
  const leaf = fc.oneof(
    fc.string({ unit: 'binary', maxLength: 50 }),
    fc.integer(),
    fc.double({ noNaN: true, min: -1e12, max: 1e12 }),
    fc.boolean(),
    fc.constant(null),
    fc.uint8Array({ maxLength: 20 }).map((bytes) => Buffer.from(bytes)),
    fc.constant({ '!': 'timestamp', value: 1_795_346_315 }),
  )
  const key = fc.string({ maxLength: 20 }).filter((name) => name !== '!' && name !== '__proto__')
  const value = fc.oneof(leaf, fc.array(leaf, { maxLength: 5 }), fc.dictionary(key, leaf, { maxKeys: 5 }))
  const buffer = Buffer.alloc(65_536)
  fc.assert(
    fc.property(fc.dictionary(key, value, { maxKeys: 10 }), (table) => {
      const written = codec.encodeTable(buffer, table, 0)
      expect(tableSize(table)).toBeGreaterThanOrEqual(written)
      expect(tableSize(table, (text) => text.length * 3)).toBeGreaterThanOrEqual(tableSize(table))
    }),
  )
})

test.each([
  [{ connection: { frameMax: 8192 } }, 8192],
  [{ connection: { frameMax: 0 } }, Number.POSITIVE_INFINITY],
  [{ connection: {} }, 131_072],
  [{}, 131_072],
])('the frame of %o: %i', (channel, size) => {
  expect(frameSizeOf(channel)).toBe(size)
})
