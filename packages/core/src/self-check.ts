import {
  context,
  defaultTextMapSetter,
  ROOT_CONTEXT,
  trace,
  TraceFlags,
  type DiagLogger,
  type TextMapPropagator,
} from '@opentelemetry/api'
import { safely, warnOnce } from './diag.ts'

const SPAN_ID = '1'.repeat(16)
const PROBE = trace.setSpanContext(ROOT_CONTEXT, {
  traceId: SPAN_ID + SPAN_ID,
  spanId: SPAN_ID,
  traceFlags: TraceFlags.SAMPLED,
})

/** Says, once per process, that nothing is recorded and why: no SDK, or an SDK in another copy of the API. */
export function reportNoSdk(log: DiagLogger): void {
  const registered = (globalThis as Record<symbol, unknown>)[Symbol.for('opentelemetry.js.api.1')] as
    | { trace?: unknown; version?: string; diag?: DiagLogger }
    | undefined
  if (registered?.trace === undefined) {
    warnOnce(
      log,
      'no SDK',
      'No OpenTelemetry SDK is registered: messages pass through untraced. Start the SDK first.',
    )
  } else {
    // Our copy of the API cannot see the application's diag logger either: the line goes to that one directly.
    warnOnce(
      typeof registered.diag?.warn === 'function' ? registered.diag : log,
      'two API copies',
      `An OpenTelemetry SDK is registered with another copy of @opentelemetry/api (${registered.version}): nothing is traced. Run "npm ls @opentelemetry/api" and bring it down to one.`,
    )
  }
}

/**
 * Checks, at the first use, what silently breaks traces, and warns with the cure (conventions §6).
 *
 * @returns the propagator to write with
 */
export function selfCheck(propagator: TextMapPropagator, log: DiagLogger): TextMapPropagator {
  return safely(log, 'self-check', propagator, () => {
    if (context.with(PROBE, () => trace.getSpanContext(context.active())?.spanId) !== SPAN_ID) {
      warnOnce(
        log,
        'no context manager',
        'No context manager is registered: spans made in a handler will not join its trace. Call context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable()).',
      )
    }
    const ways = [propagator, withActive(propagator)]
    const found = ways.find((way) => writtenBy(way) !== '') ?? propagator
    if (!writtenBy(found).includes('traceparent')) {
      warnOnce(
        log,
        'no traceparent',
        'The propagator writes no traceparent: other hops may not continue this trace. Register W3CTraceContextPropagator.',
      )
    }
    return found
  })
}

/** Names of the fields. */
function writtenBy(propagator: TextMapPropagator): string {
  const fields = {}
  propagator.inject(PROBE, fields, defaultTextMapSetter)
  return Object.keys(fields).join()
}

/** For a propagator that writes the active context and no other, as Sentry's does. */
function withActive(propagator: TextMapPropagator): TextMapPropagator {
  return {
    // A context manager may make another context of the one that it is given.
    inject: (ctx, ...rest) => context.with(ctx, () => propagator.inject(context.active(), ...rest)),
    extract: (...all) => propagator.extract(...all),
    fields: () => propagator.fields(),
  }
}

/** Warns that a client is also patched by automatic instrumentation, and names the switch that turns that one off. */
export function reportAutoInstrumented(log: DiagLogger, instrumentation: string): void {
  warnOnce(
    log,
    `auto-instrumented by ${instrumentation}`,
    `This client is traced by ${instrumentation} as well. Its spans are held back; to save the cost, turn it off: getNodeAutoInstrumentations({ '${instrumentation}': { enabled: false } }).`,
  )
}

/** Whether a method has been wrapped by an OpenTelemetry instrumentation (they mark what they wrap). */
export function isAutoInstrumented(method: unknown): boolean {
  return typeof method === 'function' && (method as { __wrapped?: unknown }).__wrapped === true
}

/** The method beneath an OpenTelemetry instrumentation, or the method itself. For calls that suppression does not reach. */
export function uninstrumented<M>(method: M): M {
  if (!isAutoInstrumented(method)) return method
  const { __original: original } = method as { __original?: unknown }
  return typeof original === 'function' ? (original as M) : method
}
