import { createContextKey, type Context } from '@opentelemetry/api'

// The key of @opentelemetry/core, which is no dependency of ours; the API derives a registered symbol from the text.
const SUPPRESS_TRACING = createContextKey('OpenTelemetry SDK Context Key SUPPRESS_TRACING')

/**
 * A context in which SDKs start no recorded spans and propagators write nothing: for a client's own call beneath an
 * automatic instrumentation, so that there is one span and the header is ours. What the call runs later, such as a user's
 * callback, has to be bound back to the caller's context.
 */
export function suppressed(context: Context): Context {
  return context.setValue(SUPPRESS_TRACING, true)
}
