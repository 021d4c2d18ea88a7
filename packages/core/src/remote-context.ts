import {
  ROOT_CONTEXT,
  trace,
  TraceFlags,
  type SpanContext,
  type TextMapGetter,
  type TextMapPropagator,
} from '@opentelemetry/api'

/** The valid trace context that a carrier has already, if any. May throw what the getter or the propagator throws. */
export function readContext<C>(
  carrier: C,
  getter: TextMapGetter<C>,
  propagator: TextMapPropagator,
): SpanContext | undefined {
  return validContext(trace.getSpanContext(propagator.extract(ROOT_CONTEXT, carrier, getter)))
}

/** A context from ids that somebody else has written; `undefined` if they are none. */
export function remoteContext(traceId: string, spanId: string, sampled: boolean): SpanContext | undefined {
  const traceFlags = sampled ? TraceFlags.SAMPLED : TraceFlags.NONE
  return validContext({ traceId, spanId, traceFlags, isRemote: true })
}

export function validContext(found: SpanContext | undefined): SpanContext | undefined {
  return found !== undefined && trace.isSpanContextValid(found) ? found : undefined
}
