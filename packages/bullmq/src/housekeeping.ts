import { context as contextApi, ROOT_CONTEXT, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api'
import { ATTR_SYSTEM_NAME, suppressed } from '@waybill/core/adapter'
import { duplicatesOf, QUEUE_NAME } from './attributes.ts'
import type { Internals } from './internals.ts'
import type { BullmqSpan } from './types.ts'

/**
 * The span of something that BullMQ does for itself, where the application asks for those: stalled checks, lock renewal,
 * pausing. A root of its own that links what was active, so that it never grows an application's trace.
 */
export function housekeepingSpan({ telemetry, options }: Internals, name: string): BullmqSpan | undefined {
  const signals = options.housekeeping ? telemetry.signals() : undefined
  if (signals === undefined) return undefined
  const active = trace.getSpanContext(contextApi.active())
  const attributes = { [ATTR_SYSTEM_NAME]: telemetry.scope.system }
  const links = active === undefined ? [] : [{ context: active }]
  const span = signals.tracer.startSpan(name, { kind: SpanKind.INTERNAL, attributes, links }, ROOT_CONTEXT)
  return {
    // Its own spans, such as those of a Redis instrumentation, belong below it; what is the application's does not run here.
    setSpanOnContext: () =>
      options.suppressRedis ? suppressed(ROOT_CONTEXT) : trace.setSpan(ROOT_CONTEXT, span),
    setAttribute(key, value) {
      this.setAttributes({ [key]: value })
    },
    setAttributes(attributes) {
      const { [QUEUE_NAME]: queue, ...others } = attributes
      span.setAttributes({
        ...duplicatesOf(others),
        ...(typeof queue === 'string' && queue !== '' && { 'messaging.destination.name': queue }),
      })
    },
    addEvent: (event) => void span.addEvent(event),
    recordException(error) {
      span.recordException(typeof error === 'string' ? { message: error, name: 'Error' } : (error as Error))
      span.setStatus({ code: SpanStatusCode.ERROR })
    },
    end: () => {
      span.end()
    },
  }
}
