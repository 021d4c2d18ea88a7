import type { HrTime } from '@opentelemetry/api'
import type { RecordedSpan } from './span-recorder.ts'

/** What is shown of each span. */
export interface TraceTreeOptions {
  /** Attributes to print behind the name. Default none. */
  readonly attributes?: readonly string[]
}

/**
 * Draws spans as indented text, one trace after another, siblings by start time: something that a test can compare in
 * one look.
 *
 * @example
 * expect(traceTree(recorder.spans)).toBe('send orders\n  transit orders\n  process orders')
 */
export function traceTree(spans: readonly RecordedSpan[], options: TraceTreeOptions = {}): string {
  const ids = new Set(spans.map((span) => span.spanContext().spanId))
  const children = new Map<string, RecordedSpan[]>()
  const roots: RecordedSpan[] = []
  for (const span of [...spans].sort(byStart)) {
    const parent = span.parentSpanContext?.spanId
    if (parent === undefined || !ids.has(parent)) roots.push(span)
    else children.set(parent, [...(children.get(parent) ?? []), span])
  }
  const draw = (span: RecordedSpan, depth: number): string[] => [
    `${'  '.repeat(depth)}${span.name}${attributesOf(span, options.attributes ?? [])}`,
    ...(children.get(span.spanContext().spanId) ?? []).flatMap((child) => draw(child, depth + 1)),
  ]
  return roots.flatMap((root) => draw(root, 0)).join('\n')
}

function attributesOf(span: RecordedSpan, names: readonly string[]): string {
  const shown = names
    .filter((name) => span.attributes[name] !== undefined)
    .map((name) => `${name}=${String(span.attributes[name])}`)
  return shown.length === 0 ? '' : ` [${shown.join(' ')}]`
}

function byStart(a: RecordedSpan, b: RecordedSpan): number {
  // Within one clock tick the order in which they ended stays.
  return compare(a.startTime, b.startTime)
}

function compare(a: HrTime, b: HrTime): number {
  return a[0] - b[0] || a[1] - b[1]
}
