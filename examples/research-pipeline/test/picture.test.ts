import { describe, expect, test } from 'vitest'
import { journeyOf } from '../src/spans/journey.ts'
import { type ReceivedSpan, spanKinds } from '../src/spans/span.ts'
import { connectedness } from '../src/spans/statistics.ts'
import { beforeAfterSvg } from '../src/waterfall/html-page.ts'
import { madeSpan, madeTransit } from './made-span.ts'

const entry = madeSpan('entry', { kind: spanKinds.server, end: 2000, attributes: { 'session.id': 's1' } })
const runOf = (spans: readonly ReceivedSpan[]) => ({
  spans,
  connectedness: connectedness(spans, entry),
  journey: journeyOf(spans, 's1'),
})
const before = runOf([
  entry,
  madeSpan('a', { traceId: 'two', agent: 'a <b> & "c"' }),
  madeSpan('b', { traceId: 'three', start: 500 }),
])
const after = runOf([
  entry,
  madeTransit('wait', 'searches', 500, 1000),
  madeSpan('a', { parentSpanId: 'entry', start: 1000 }),
  madeSpan('b', { parentSpanId: 'a', start: 1500 }),
])
const svg = beforeAfterSvg(before, after)
const count = (pattern: RegExp): number => svg.match(pattern)?.length ?? 0

describe('the picture', () => {
  test('has a bar for each span, stripes for a wait, and a dot for each root', () => {
    expect(count(/class="work"/g)).toBe(3 + 3)
    expect(count(/class="wait"/g)).toBe(1)
    expect(count(/class="root"/g)).toBe(2)
    expect(count(/class="root orphan"/g)).toBe(2)
  })

  test('joins each span to the one above it, and nothing to a root', () => {
    expect(count(/class="branch"/g)).toBe(3)
  })

  test('draws both runs to one scale', () => {
    const widths = [...svg.matchAll(/<rect[^>]*class="work"[^>]*width="([\d.]+)"/g)].map(([, width]) =>
      Number(width),
    )
    const [beforeEntry, half, , afterEntry] = widths as [number, number, number, number]
    expect(afterEntry).toBe(beforeEntry)
    expect(half * 2).toBeCloseTo(beforeEntry, 0)
  })

  test('says what it shows, also to who cannot see it', () => {
    for (const text of [
      'Without Waybill: 3 traces, 2 orphan roots',
      'With Waybill: 1 trace, no orphan roots',
    ]) {
      expect(svg).toContain(`>${text}<`)
      expect(/aria-label="([^"]*)"/.exec(svg)?.[1]).toContain(text)
    }
    expect(svg).toContain('session.id on 1 of 3 spans')
  })

  test('is a file of its own that loads nothing, with colours for light and dark', () => {
    expect(svg).toMatch(/^<svg\s+xmlns="http:\/\/www.w3.org\/2000\/svg"/)
    expect(svg.replace('http://www.w3.org/2000/svg', '')).not.toMatch(/https?:|url\(|@import|href/)
    expect(svg).toContain('color-scheme: light dark')
    expect(svg).toContain('a &#60;b&#62; &#38; &#34;c&#34;')
  })
})
