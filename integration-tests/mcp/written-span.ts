import type { RecordedSpan } from '@waybill/core/testing'

/** A span as it comes out of another process. */
export type WrittenSpan = ReturnType<typeof written>

export function written(span: RecordedSpan) {
  return {
    name: span.name,
    kind: span.kind,
    attributes: span.attributes,
    links: span.links,
    events: span.events,
    status: span.status,
    startTime: span.startTime,
    endTime: span.endTime,
    parentSpanContext: span.parentSpanContext,
    instrumentationScope: span.instrumentationScope,
    context: span.spanContext(),
  }
}

export function read({ context, parentSpanContext, ...span }: WrittenSpan): RecordedSpan {
  return { ...span, ...(parentSpanContext && { parentSpanContext }), spanContext: () => context }
}
