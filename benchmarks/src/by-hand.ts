import {
  context,
  propagation,
  ROOT_CONTEXT,
  trace,
  TraceFlags,
  type Context,
  type TextMapGetter,
} from '@opentelemetry/api'
import { measuredSpans, optionsOf, recorders } from './floor.ts'
import type { Shape } from './shape.ts'

/** An operation that has begun: what is to run in its context, and what is to be called when that is done. */
export interface Begun {
  readonly context: Context
  readonly end: () => void
}

/**
 * The calls of the floor as an application would write them around its own client: the same spans, attributes, points and
 * two fields with each message, but no options, no tolerance, nothing that is wrong or late, and no attempt. What ours costs
 * beyond this is its own; what this costs beyond the floor is the client's work on the two fields, and that code is slower
 * between that of a client than in a loop of its own.
 */
export interface ByHand {
  readonly beginSend: () => Begun & { readonly carrier: Record<string, string> }
  readonly beginHandle: <C>(carrier: C, getter: TextMapGetter<C>) => Begun
}

export function byHand(shape: Shape): ByHand {
  const { points } = shape
  const { producer, transit, process } = measuredSpans(shape)
  const tracer = trace.getTracer('@waybill/benchmarks')
  const { onSend, onProcess } = recorders(producer, points)
  return {
    beginSend() {
      const started = performance.now()
      const caller = context.active()
      const span = tracer.startSpan(producer.name, optionsOf(producer), caller)
      const sending = trace.setSpan(caller, span)
      const carrier: Record<string, string> = {}
      propagation.inject(sending, carrier)
      // Without an SDK nothing is injected, and an application would not stamp either.
      if ('traceparent' in carrier) carrier['waybill'] = `sent=${Date.now()}`
      const end = (): void => {
        span.end()
        onSend((performance.now() - started) / 1000)
      }
      return { context: sending, carrier, end }
    },
    beginHandle(carrier, getter) {
      const started = performance.now()
      const extracted = propagation.extract(ROOT_CONTEXT, carrier, getter)
      const creation = trace.getSpanContext(extracted)
      const sent = Number(String(getter.get(carrier, 'waybill')).slice('sent='.length))
      if (creation !== undefined && (creation.traceFlags & TraceFlags.SAMPLED) !== 0)
        tracer
          .startSpan(transit.name, { ...optionsOf(transit), startTime: new Date(sent) }, extracted)
          .end(new Date())
      const span = tracer.startSpan(process.name, optionsOf(process, creation), extracted)
      const end = (): void => {
        span.end()
        onProcess((performance.now() - started) / 1000)
      }
      return { context: trace.setSpan(extracted, span), end }
    },
  }
}
