import { isTransit } from '../model/facts.ts'
import { append } from '../model/grouping.ts'
import type { Span } from '../model/span.ts'
import type { SpanModel } from '../model/spans.ts'
import type { Diagnosis } from '../diagnose.ts'

/** A span at its place in a drawing. */
export interface Row {
  readonly span: Span
  readonly depth: number
  readonly isTransit: boolean
  /** Its trace begins here although another row of the drawing is what it belongs to. */
  readonly isStray: boolean
  /** Index of the row that it links. */
  readonly link: number | undefined
}

/** More are no picture any more. */
const MOST = 200

/** The spans of some traces, each below its parent, siblings and traces in order of time. */
export function rowsOf(model: SpanModel, traceIds: readonly string[]): Row[] {
  const spans = traceIds.flatMap((traceId) => model.traces.get(traceId) ?? [])
  const children = new Map<Span, Span[]>()
  const tops: Span[] = []
  for (const span of spans) {
    if (span.parent === undefined) tops.push(span)
    else append(children, span.parent, span)
  }
  const rows: Row[] = []
  const seen = new Map<Span, number>()
  const add = (span: Span, depth: number, stray: boolean): void => {
    // Broken exports have cycles.
    if (seen.has(span) || rows.length >= MOST) return
    seen.set(span, rows.length)
    rows.push({ span, depth, isTransit: isTransit(span), isStray: stray, link: undefined })
    for (const child of (children.get(span) ?? []).toSorted(inOrder)) add(child, depth + 1, false)
  }
  tops.sort(inOrder).forEach((top, i) => add(top, 0, i > 0))
  return rows.map((row) => {
    const index = row.span.links
      .map(({ traceId, spanId }) => model.find(traceId, spanId))
      .map((target) => (target === undefined || target === row.span.parent ? undefined : seen.get(target)))
      .find((at) => at !== undefined)
    return { ...row, link: index }
  })
}

function inOrder(a: Span, b: Span): number {
  return a.start - b.start || b.end - a.end || (a.spanId < b.spanId ? -1 : 1)
}

/** What is worth drawing: the traces of the first case of each of the worst findings. */
export function worstTraces(
  { findings }: Diagnosis,
  most = 1,
): { readonly title: string; readonly traces: readonly string[] }[] {
  const drawn = new Set<string>()
  const worst: { readonly title: string; readonly traces: readonly string[] }[] = []
  for (const { rule, evidence } of findings) {
    const [first] = evidence
    if (first === undefined || drawn.has(first.traces.join()) || worst.length >= most) continue
    drawn.add(first.traces.join())
    worst.push({ title: `${rule}: ${first.text}`, traces: first.traces })
  }
  return worst
}

/** From the start of the earliest to the end of the latest. */
export function extentOf(rows: readonly Row[]): { readonly start: number; readonly end: number } {
  let start = Number.POSITIVE_INFINITY
  let end = Number.NEGATIVE_INFINITY
  for (const { span } of rows) {
    start = Math.min(start, span.start)
    end = Math.max(end, span.end)
  }
  return { start, end: Math.max(end, start + 1) }
}
