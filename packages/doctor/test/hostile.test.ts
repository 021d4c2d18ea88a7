import { readFileSync } from 'node:fs'
import path from 'node:path'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { ledgerOf } from '../src/cost/ledger.ts'
import { USAGE_KEYS } from '../src/cost/usage.ts'
import { diagnose } from '../src/diagnose.ts'
import { exitOf } from '../src/exit.ts'
import { readDocument } from '../src/input/document.ts'
import type { RawSpan } from '../src/input/raw-span.ts'
import { collectSpans } from '../src/model/spans.ts'
import { leaksOf } from '../src/privacy/privacy.ts'
import { html } from '../src/report/html.ts'
import { json } from '../src/report/json.ts'
import { mermaid } from '../src/report/mermaid.ts'
import { sarif } from '../src/report/sarif.ts'
import { table } from '../src/report/table.ts'
import { writers } from './formats.ts'
import { fixtures, readFixture } from './reading.ts'

type Json = null | boolean | number | string | Json[] | { [key: string]: Json }

/** Everything that is done with an export. */
function useAll(value: unknown): number {
  const collector = collectSpans(USAGE_KEYS)
  const raw: RawSpan[] = []
  readDocument(value, (span) => {
    raw.push(span)
    collector.add(span)
  })
  const model = collector.model()
  const input = { files: ['x'], formats: ['otlp-json'], partial: false, warnings: [] } as const
  const diagnosis = diagnose(model, input)
  table(diagnosis)
  html(diagnosis, model)
  mermaid(diagnosis, model)
  sarif(diagnosis)
  json(diagnosis, exitOf(diagnosis, 'certain'))
  ledgerOf(model, false)
  for (const span of raw) for (const leak of leaksOf(span)) expect(leak.length).toBeGreaterThanOrEqual(0)
  return raw.length
}

/** Puts something else at a place that the numbers choose. */
function damaged(value: Json, way: readonly number[], something: Json): Json {
  const [step, ...rest] = way
  if (step === undefined || value === null || typeof value !== 'object') return something
  const keys = Object.keys(value)
  const key = keys[step % Math.max(1, keys.length)]
  if (key === undefined) return something
  const copy: Record<string, Json> | Json[] = Array.isArray(value) ? [...value] : { ...value }
  const children = copy as Record<string, Json>
  children[key] = damaged(children[key] ?? null, rest, something)
  return copy
}

test('doctor-39: whatever JSON comes, nothing throws', () => {
  fc.assert(
    fc.property(fc.jsonValue(), (value) => useAll(value) >= 0),
    { numRuns: 300 },
  )
})

test.each(Object.keys(writers).filter((name) => name !== 'OTLP JSON lines'))(
  'doctor-39: a damaged export as %s does not throw either',
  async (name) => {
    const { spans } = await readFixture('half-fixed.otlp.json')
    const whole = JSON.parse(writers[name]?.(spans) ?? '') as Json
    const way = fc.array(fc.nat(50), { minLength: 1, maxLength: 9 })
    fc.assert(
      fc.property(
        way,
        fc.jsonValue({ maxDepth: 2 }),
        (steps, something) => useAll(damaged(whole, steps, something as Json)) >= 0,
      ),
      { numRuns: 60 },
    )
  },
)

test.each([-1, 1e300, Number.MAX_VALUE, '9'.repeat(40)])('doctor-39: a time of %s is none', (time) => {
  const otlp = { traceId: 'a1', spanId: 'b1', startTimeUnixNano: time, endTimeUnixNano: time }
  expect(useAll({ resourceSpans: [{ scopeSpans: [{ spans: [otlp] }] }] })).toBe(0)
  expect(useAll([{ traceId: 'a1', id: 'b1', timestamp: time }])).toBe(0)
  const jaeger = { traceID: 'a1', spanID: 'b1', startTime: time, duration: 1 }
  expect(useAll({ data: [{ spans: [jaeger] }] })).toBe(0)
  expect(useAll([{ traceId: 'a1', id: 'b1', timestamp: 1, duration: time }])).toBe(1)
})

test('doctor-39: names of the prototype are names like any other', () => {
  const text = readFileSync(path.join(fixtures, 'broken.otlp.json'), 'utf8')
  for (const name of ['__proto__', 'constructor', 'toString', 'hasOwnProperty']) {
    expect(
      useAll(JSON.parse(text.replaceAll('messaging.message.id', name).replaceAll('"planner"', `"${name}"`))),
    ).toBe(48)
  }
  expect(({} as { polluted?: unknown }).polluted).toBeUndefined()
})
