import type { AttributeValue, SpanKind } from '../input/raw-span.ts'

/** What of a span's attributes the rules read; all others are dropped while reading. */
export type Facts = Readonly<Record<string, AttributeValue>>

export interface SpanLink {
  readonly traceId: string
  readonly spanId: string
  readonly facts: Facts
}

/** A span as the rules see it. Its texts are shared between spans, so that a million of them fit. */
export interface Span {
  readonly traceId: string
  readonly spanId: string
  readonly parentId: string | undefined
  readonly name: string
  readonly kind: SpanKind
  readonly service: string
  /** Where it ran, as far as the resource says; two spans of one host share a clock. */
  readonly host: string
  readonly scope: string
  /** Epoch microseconds. */
  readonly start: number
  /** Epoch microseconds; equal to `start` if the span never ended. */
  readonly end: number
  readonly ended: boolean
  readonly flags: number
  /** `ot=th:…` of the tracestate was there: its head was sampled by probability. */
  readonly thinned: boolean
  readonly facts: Facts
  readonly links: readonly SpanLink[]
  readonly droppedLinks: number
  readonly failed: boolean
  readonly adjusted: boolean
  /** Found once all spans are read; `undefined` for roots and where the parent is not in the export. */
  parent: Span | undefined
}

/** A root has no parent at all; one whose parent is missing from the export is none. */
export function isRoot(span: Span): boolean {
  return span.parentId === undefined
}

export function isOrphan(span: Span): boolean {
  return span.parentId !== undefined && span.parent === undefined
}

/** The span and what is above it, nearest first. Ends at cycles, which broken exports have. */
export function* lineage(span: Span): Generator<Span> {
  const seen = new Set<Span>()
  for (let at: Span | undefined = span; at !== undefined && !seen.has(at); at = at.parent) {
    seen.add(at)
    yield at
  }
}

/** What is above the span, nearest first. */
export function ancestors(span: Span): Span[] {
  return [...lineage(span)].slice(1)
}

export const MILLISECOND = 1000
export const SECOND: number = 1000 * MILLISECOND
