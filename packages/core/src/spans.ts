import { INVALID_SPAN_CONTEXT, trace, type Span } from '@opentelemetry/api'

/** Stands in where a tracer threw: records nothing, ends quietly, and is never put into a context. */
export const NO_SPAN: Span = trace.wrapSpanContext(INVALID_SPAN_CONTEXT)
