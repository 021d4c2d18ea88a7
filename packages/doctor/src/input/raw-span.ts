/** A value of an attribute, whatever the format it came in. */
export type AttributeValue =
  | string
  | number
  | boolean
  | null
  | readonly AttributeValue[]
  | { readonly [key: string]: AttributeValue }

export type Attributes = Readonly<Record<string, AttributeValue>>

export type SpanKind = 'INTERNAL' | 'SERVER' | 'CLIENT' | 'PRODUCER' | 'CONSUMER'

export interface RawLink {
  readonly traceId: string
  readonly spanId: string
  readonly attributes: Attributes
}

export interface RawEvent {
  readonly name: string
  readonly attributes: Attributes
}

/** A span as an export has it, in one shape for all formats. It lives only until the model has taken from it what it needs. */
export interface RawSpan {
  /** 32 lower-case hex digits. */
  readonly traceId: string
  /** 16 lower-case hex digits. */
  readonly spanId: string
  readonly parentSpanId: string | undefined
  readonly name: string
  readonly kind: SpanKind
  /** Epoch microseconds, integer: nanoseconds do not fit a double. */
  readonly start: number
  /** Epoch microseconds; `undefined` if the span never ended. */
  readonly end: number | undefined
  /** OTLP's `flags`; 0 where the format has none. */
  readonly flags: number
  readonly traceState: string
  readonly attributes: Attributes
  readonly resource: Attributes
  readonly scope: string
  readonly links: readonly RawLink[]
  readonly droppedLinks: number
  readonly events: readonly RawEvent[]
  readonly failed: boolean
  /** A backend has moved the span in time, so its times prove nothing. */
  readonly adjusted: boolean
}

/** Takes one span after another. */
export type SpanSink = (span: RawSpan) => void
