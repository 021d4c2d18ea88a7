import type { Attributes, HrTime, Link, SpanContext, SpanKind, SpanStatus } from '@opentelemetry/api'

/** The part of the SDK's ended span that tests read; the same in SDK 2 and SDK 3. */
export interface RecordedSpan {
  readonly name: string
  readonly kind: SpanKind
  readonly attributes: Attributes
  readonly links: readonly Link[]
  readonly events: readonly { readonly name: string; readonly attributes?: Attributes }[]
  readonly status: SpanStatus
  readonly startTime: HrTime
  readonly endTime: HrTime
  readonly parentSpanContext?: SpanContext
  readonly instrumentationScope: {
    readonly name: string
    readonly version?: string
    readonly schemaUrl?: string
  }
  spanContext(): SpanContext
}

/** A span processor that keeps what it sees. */
export interface SpanRecorder {
  /** Ended spans, in the order in which they ended. */
  readonly spans: readonly RecordedSpan[]
  /** Number of spans started. */
  readonly started: number
  /** Names of the spans that have started and not ended. */
  readonly open: readonly string[]
  /** Forgets everything seen so far. */
  reset(): void
  onStart(span: object): void
  onEnd(span: object): void
  forceFlush(): Promise<void>
  shutdown(): Promise<void>
}

/**
 * A `SpanProcessor` for SDK 2 and SDK 3 that keeps every span in memory and counts those that never end.
 *
 * @example
 * const recorder = spanRecorder()
 * const provider = new TracerProvider({ spanProcessors: [recorder] })
 */
export function spanRecorder(): SpanRecorder {
  let spans: RecordedSpan[] = []
  let started = 0
  const open = new Set<object>()
  return {
    get spans() {
      return spans
    },
    get started() {
      return started
    },
    get open() {
      return [...open].map((span) => (span as { name: string }).name)
    },
    reset() {
      spans = []
      started = 0
      open.clear()
    },
    onStart(span) {
      started++
      open.add(span)
    },
    onEnd(span) {
      open.delete(span)
      spans.push(span as RecordedSpan)
    },
    forceFlush: () => Promise.resolve(),
    shutdown: () => Promise.resolve(),
  }
}
