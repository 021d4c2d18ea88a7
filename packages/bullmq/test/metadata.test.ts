import { expect, test } from 'vitest'
import {
  carrierAmongOptions,
  carrierOf,
  carriesMetadata,
  contextOfMetadata,
  metadataFor,
  metadataOf,
} from '../src/metadata.ts'
import type { Job } from '../src/types.ts'

const fields = { traceparent: 'tp', waybill: 'w' }

test.each([
  ['our JSON', JSON.stringify(fields), fields],
  ['an object, as BullMQ decodes it', fields, fields],
  ["dd-trace's", '{"_datadog":{"traceparent":"dd"}}', { traceparent: 'dd' }],
  [
    "dd-trace's beside ours",
    '{"_datadog":{"traceparent":"dd"},"traceparent":"tp"}',
    { _datadog: { traceparent: 'dd' }, traceparent: 'tp' },
  ],
  [
    "Sentry's",
    '0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-1',
    { 'sentry-trace': '0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-1' },
  ],
  ['JSON null', 'null', undefined],
  ['a JSON list', '["a"]', undefined],
  ['a list', ['a'], undefined],
  ['a number', 7, undefined],
  ['null', null, undefined],
  ['nothing', undefined, undefined],
  ['broken JSON', '{"traceparent":', undefined],
  ['1 MB', `{"traceparent":"${'x'.repeat(1_000_000)}"}`, undefined],
])('the fields in %s', (_what, metadata, expected) => {
  expect(carrierOf(metadata)).toEqual(expected)
})

test("dd-trace's fields are not looked for where they are switched off", () => {
  const metadata = '{"_datadog":{"traceparent":"dd"}}'
  expect(carrierOf(metadata, ['sentry'])).toEqual({ _datadog: { traceparent: 'dd' } })
  expect(carrierOf(metadata, ['datadog'])).toEqual({ traceparent: 'dd' })
})

test.each([
  [
    "AppSignal's",
    { traceparent: 'tp', tracestate: 'a=b', attempts: 3 },
    { traceparent: 'tp', tracestate: 'a=b' },
  ],
  ['none', { attempts: 3 }, undefined],
  ['no text', { traceparent: 1 }, undefined],
  ['nothing', undefined, undefined],
  ['null', null, undefined],
])('fields among the options of a job: %s', (_what, options, expected) => {
  expect(carrierAmongOptions(options)).toEqual(expected)
})

test('metadata reaches the span unread', () => {
  expect(metadataOf(contextOfMetadata('null'))).toBe('null')
  expect(metadataOf(undefined)).toBeUndefined()
})

test('a context of no send has no metadata', () => {
  expect(metadataFor(contextOfMetadata('x'))).toBe('')
})

test.each([
  ['m', 'm', true],
  ['m', 'n', false],
  [undefined, undefined, true],
  ['', undefined, true],
  ['m', undefined, false],
])('a job with metadata %o is that of %o: %s', (own, asked, expected) => {
  expect(carriesMetadata({ opts: { telemetry: { metadata: own } } } as Job, asked)).toBe(expected)
})
