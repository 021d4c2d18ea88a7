import type { Attributes } from '@opentelemetry/api'

/** What a client emits for one kind of span, by the first one seen. */
export interface SpanShape {
  readonly name: string
  readonly kind: number
  readonly attributes: Attributes
  readonly links: number
  readonly count: number
  /** How many of them continue a trace that came with a message. */
  readonly continued: number
}

/** One series of one instrument. */
export interface PointShape {
  readonly instrument: string
  readonly attributes: Attributes
  /** Of a histogram; a counter has none. */
  readonly boundaries?: readonly number[]
  /** Points of a histogram, sum of a counter. */
  readonly count: number
}

/** Everything emitted for a number of messages; what the floor has to emit as well. */
export interface Shape {
  readonly spans: {
    readonly producer?: SpanShape
    readonly transit?: SpanShape
    readonly process?: SpanShape
  }
  /** Spans of any other kind, such as a peer's own ones for fetching and settling. */
  readonly otherSpans: number
  readonly points: readonly PointShape[]
}
