import { SpanKind } from '@opentelemetry/api'
import type { RecordedSpan } from '@waybill/core/testing'
import { describe, expect, test } from 'vitest'
import { inSpan, telemetryOfTest } from './telemetry-of-test.ts'
import { wirings } from './wirings.ts'

describe.each(wirings.filter(({ revision }) => revision === '2025-11-25'))('$name', ({ wire }) => {
  const seen = telemetryOfTest()

  test('agents-9: equal ids both ways at once do not mix', async () => {
    const wired = await wire()
    const runs = Array.from({ length: 8 }, (_, i) => inSpan(`run ${i}`, () => wired.call('summarise')))
    expect(new Set(await Promise.all(runs))).toEqual(new Set(['m']))
    const spans = [...(await wired.close()), ...seen.spans]

    const byId = new Map(spans.map((span) => [span.spanContext().spanId, span]))
    const parent = (span: RecordedSpan | undefined) => byId.get(span?.parentSpanContext?.spanId ?? '')
    const asked = spans.filter(
      ({ name, kind }) => name === 'sampling/createMessage' && kind === SpanKind.SERVER,
    )
    expect(asked).toHaveLength(8)
    const ids: [unknown, unknown][] = []
    const runsSeen = new Set<string>()
    for (const span of asked) {
      const path = [span]
      while (parent(path.at(-1)) !== undefined) path.push(parent(path.at(-1))!)
      expect(path.map(({ name, kind }) => `${name} ${SpanKind[kind]}`).slice(0, 4)).toEqual([
        'sampling/createMessage SERVER',
        'sampling/createMessage CLIENT',
        'tools/call summarise SERVER',
        'tools/call summarise CLIENT',
      ])
      runsSeen.add(path[4]?.name ?? '')
      const [toClient, , toServer] = path.map(({ attributes }) => attributes['jsonrpc.request.id'])
      ids.push([toServer, toClient])
    }
    expect(runsSeen.size).toBe(8)
    expect(spans.filter(({ attributes }) => attributes['error.type'] !== undefined)).toEqual([])
    // Both directions counted from the same start, so most ids were open in both.
    const [there, back] = [new Set(ids.map(([id]) => id)), new Set(ids.map(([, id]) => id))]
    expect([...there].filter((id) => back.has(id)).length).toBeGreaterThanOrEqual(6)
  })
})
