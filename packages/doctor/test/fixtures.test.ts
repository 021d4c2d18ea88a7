import { describe, expect, test } from 'vitest'
import type { RawSpan } from '../src/input/raw-span.ts'
import { article } from './article.ts'
import { writers } from './formats.ts'
import { diagnosisOf, verdict } from './made-spans.ts'
import { readFixture, readText } from './reading.ts'

/** What the doctor must say about each, as the design has it. */
const BROKEN = {
  counts: [48, 28, 28, 13],
  verdict: [
    'MQ-CONTEXT-LOST certain ×5',
    'MQ-CONTEXT-LOST certain ×5',
    'MQ-CONTEXT-LOST certain ×5',
    'TOOL-ROOT certain ×5',
  ],
}
const HALF = { counts: [63, 18, 18, 13], verdict: ['MQ-CONTEXT-LOST certain ×5', 'TRANSIT-ROOT certain ×5'] }
const FIXED = { counts: [63, 8, 8, 8], verdict: [] }
const STALE = { counts: [63, 8, 8, 8], verdict: ['MQ-STALE-PARENT certain ×5'] }

async function spansOf(fixture: string): Promise<readonly RawSpan[]> {
  return (await readFixture(`${fixture}.otlp.json`)).spans
}

describe.each(Object.entries(writers))('doctor-1: from %s', (_format, write) => {
  test.each([
    ['broken', BROKEN],
    ['half-fixed', HALF],
    ['fixed', FIXED],
    ['stale', STALE],
  ])('the fixture %s gets its verdict', async (name, expected) => {
    const { spans, input } = await readText(write(await spansOf(name)))
    const diagnosis = diagnosisOf(spans, {}, input)
    expect(verdict(diagnosis)).toEqual(expected.verdict)
    const { traces, roots, tracesAfter } = diagnosis
    expect([diagnosis.spans, traces, roots, tracesAfter]).toEqual(expected.counts)
    expect(input.warnings).toEqual([])
  })

  test('without transit spans every wait is a gap, at a threshold below them; with them none is', async () => {
    const fixed = await spansOf('fixed')
    const settings = { gapMs: 0.2, gapPercent: 0 }
    const bare = await readText(write(withoutTransit(fixed)))
    const gaps = diagnosisOf(bare.spans, settings, bare.input)
    expect(gaps.spans).toBe(48)
    expect(gaps.traces).toBe(8)
    const certain = gaps.findings.filter(
      ({ rule, level }) => rule === 'UNEXPLAINED-GAP' && level === 'certain',
    )
    // Fifteen hops; those whose delivery began before the send's end have no gap.
    expect(certain.reduce((sum, { count }) => sum + count, 0)).toBe(hopsWithGap(fixed, 200))
    const full = await readText(write(fixed))
    expect(
      diagnosisOf(full.spans, settings, full.input).findings.filter(({ level }) => level === 'certain'),
    ).toEqual([])
  })

  test("the article's four signatures are found", async () => {
    const { spans, input } = await readText(write(article()))
    const { findings } = diagnosisOf(spans, {}, input)
    const byRule = Object.fromEntries(findings.map((finding) => [finding.rule, finding]))
    expect(verdict(diagnosisOf(spans, {}, input))).toEqual([
      'TOOL-ROOT certain ×1',
      'UNEXPLAINED-GAP certain ×1',
      'ROOT-MID-SEQUENCE probable ×1',
      'TRACE-ID-DISCONTINUITY probable ×1',
    ])
    expect(byRule['ROOT-MID-SEQUENCE']?.evidence[0]?.text).toContain('300 ms into trace 4bf92f')
    expect(byRule['TRACE-ID-DISCONTINUITY']?.message).toContain('the trace id changes at agent-b')
    expect(byRule['UNEXPLAINED-GAP']?.evidence[0]?.text).toContain("50 ms from the end of 'xadd summaries'")
  })
})

test.each([
  ['broken', BROKEN],
  ['half-fixed', HALF],
  ['fixed', FIXED],
  ['stale', STALE],
])(
  "doctor-1: %s as OpenTelemetry's own Zipkin exporter writes it gets its verdict",
  async (name, expected) => {
    const { spans, input } = await readFixture(`${name}.zipkin.json`)
    expect(input.formats).toEqual(['zipkin'])
    expect(verdict(diagnosisOf(spans, {}, input))).toEqual(expected.verdict)
  },
)

test('doctor-1: each lost hop of the broken fixture is named with both services', async () => {
  const { findings } = diagnosisOf(await spansOf('broken'))
  expect(
    findings
      .filter(({ rule }) => rule === 'MQ-CONTEXT-LOST')
      .map(({ hop }) => `${hop.system} ${hop.producer} ${hop.destination} ${hop.consumer}`)
      .sort(),
  ).toEqual([
    'bullmq gateway planner planner',
    'redis planner retriever retriever',
    'redis retriever writer writer',
  ])
})

test('doctor-3: the stale fixture has as many traces and roots as the healthy one, and names what holds the messages', async () => {
  const [stale, fixed] = [diagnosisOf(await spansOf('stale')), diagnosisOf(await spansOf('fixed'))]
  expect([stale.spans, stale.traces, stale.roots]).toEqual([fixed.spans, fixed.traces, fixed.roots])
  expect(stale.findings[0]?.message).toContain("processed under 'service startup' of retriever")
  expect(fixed.findings).toEqual([])
})

test('doctor-27: the broken fixture would have as many traces as without its losses', async () => {
  const broken = diagnosisOf(await spansOf('broken'))
  const fixed = diagnosisOf(await spansOf('fixed'))
  const tools = broken.findings.find(({ rule }) => rule === 'TOOL-ROOT')?.count ?? 0
  // The fixed run also has its tools back, which is another fix.
  expect(broken.tracesAfter - tools).toBe(fixed.traces)
})

function withoutTransit(spans: readonly RawSpan[]): RawSpan[] {
  return spans
    .filter(({ attributes }) => attributes['messaging.operation.name'] !== 'transit')
    .map((span) => ({
      ...span,
      attributes: strip(span.attributes),
      links: span.links.map((link) => ({ ...link, attributes: strip(link.attributes) })),
    }))
}

function strip(attributes: RawSpan['attributes']): RawSpan['attributes'] {
  return Object.fromEntries(Object.entries(attributes).filter(([key]) => !key.startsWith('waybill.transit.')))
}

function hopsWithGap(spans: readonly RawSpan[], least: number): number {
  const byId = new Map(spans.map((span) => [span.spanId, span]))
  return spans.filter((span) => {
    const parent = span.kind === 'CONSUMER' ? byId.get(span.parentSpanId ?? '') : undefined
    return parent !== undefined && span.start - (parent.end ?? 0) >= least
  }).length
}
