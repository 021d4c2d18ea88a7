import { expect, test } from 'vitest'
import { made, send } from './made-spans.ts'
import { writers } from './formats.ts'
import { readText } from './reading.ts'

/** Attributes that every format carries, one of them beyond what a double holds. */
const span = made({
  ...send('trace', 'span', 'jobs', '7', 12, { parent: 'parent', scope: 'app' }),
  facts: { 'messaging.destination.name': 'jobs', count: 42, share: 0.5, ok: true },
})

test.each(Object.entries(writers))('doctor-19: %s gives the same model', async (format, write) => {
  const { spans } = await readText(write([span]))
  expect(spans).toHaveLength(1)
  const [read] = spans
  const { traceId, spanId, parentSpanId, name, kind, start, end, scope } = span
  expect(read).toMatchObject({ traceId, spanId, parentSpanId, name, kind, start, end, scope })
  expect(read?.resource['service.name']).toBe('gateway')
  const values = [read?.attributes['count'], read?.attributes['share'], read?.attributes['ok']]
  expect(values).toEqual(format.startsWith('Zipkin') ? ['42', '0.5', 'true'] : [42, 0.5, true])
})

test('doctor-19: int64 as text, beyond a double too, kinds by number and by name, ids in capitals', async () => {
  const one = (more: object): object => ({
    traceId: '4BF92F3577B34DA6A3CE929D0E0E4736',
    spanId: '00F067AA0BA902B7',
    startTimeUnixNano: '1795600000123456789',
    endTimeUnixNano: 1795600000223456800,
    ...more,
  })
  const export_ = (more: object): string =>
    JSON.stringify({ resourceSpans: [{ scopeSpans: [{ spans: [one(more)] }] }] })
  const value = async (intValue: unknown) =>
    (await readText(export_({ attributes: [{ key: 'n', value: { intValue } }] }))).spans[0]?.attributes['n']
  expect(await value('12')).toBe(12)
  expect(await value(12)).toBe(12)
  expect(await value('9007199254740993')).toBe('9007199254740993')
  const { spans } = await readText(export_({ kind: 'SPAN_KIND_CONSUMER' }))
  expect(spans[0]).toMatchObject({
    kind: 'CONSUMER',
    traceId: '4bf92f3577b34da6a3ce929d0e0e4736',
    spanId: '00f067aa0ba902b7',
    start: 1_795_600_000_123_456,
  })
  expect((await readText(export_({ kind: 5 }))).spans[0]?.kind).toBe('CONSUMER')
})

test('doctor-21: Tempo says by itself that it gives a part', async () => {
  const partial = (status: string) => readText(JSON.stringify({ trace: { resourceSpans: [] }, status }))
  expect((await partial('PARTIAL')).input.partial).toBe(true)
  expect((await partial('COMPLETE')).input.partial).toBe(false)
})

test('doctor-18: of the warnings of Jaeger only the one about moved spans counts', async () => {
  const trace = (warning: string): string =>
    JSON.stringify({
      data: [
        {
          traceID: 'a1',
          processes: { p1: { serviceName: 'x' } },
          spans: [
            {
              traceID: 'a1',
              spanID: 'b1',
              operationName: 'x',
              startTime: 1,
              duration: 1,
              processID: 'p1',
              warnings: [warning],
            },
          ],
        },
      ],
    })
  const adjusted = async (warning: string) => (await readText(trace(warning))).spans[0]?.adjusted
  expect(await adjusted('clock skew adjustment disabled; not applying calculated delta of -1.5s')).toBe(false)
  expect(await adjusted("This span's timestamps were adjusted by 1.5s")).toBe(true)
})
