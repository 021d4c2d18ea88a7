/** `SpanKind` of OTLP, which counts from 1 where the API of JavaScript counts from 0. */
export const spanKinds = { internal: 1, server: 2, client: 3, producer: 4, consumer: 5 } as const

export type AttributeValue =
  | string
  | number
  | boolean
  | null
  | readonly AttributeValue[]
  | { readonly [key: string]: AttributeValue }
export type Attributes = Readonly<Record<string, AttributeValue>>

/** A span as it was received, with the times in epoch milliseconds to the microsecond. */
export interface ReceivedSpan {
  readonly traceId: string
  readonly spanId: string
  readonly parentSpanId?: string
  readonly name: string
  readonly kind: number
  /** `service.name` of its resource. */
  readonly agent: string
  /** Name of the instrumentation scope. */
  readonly scope: string
  readonly start: number
  readonly end: number
  readonly attributes: Attributes
  readonly links: readonly { readonly traceId: string; readonly spanId: string }[]
  readonly failed: boolean
}

/** The queue, topic or stream of a span that has to do with one. */
export function destinationOf({ attributes }: ReceivedSpan): string | undefined {
  const name = attributes['messaging.destination.name']
  return typeof name === 'string' ? name : undefined
}

/** The time a message waited in a queue, as Waybill writes it. */
export function isTransit(span: ReceivedSpan): boolean {
  return span.attributes['messaging.operation.name'] === 'transit'
}
