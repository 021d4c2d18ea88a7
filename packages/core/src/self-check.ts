import {
  context,
  createContextKey,
  defaultTextMapSetter,
  ROOT_CONTEXT,
  trace,
  TraceFlags,
  type DiagLogger,
  type TextMapPropagator,
} from '@opentelemetry/api'
import { safely, warnOnce } from './diag.ts'

const PROBE_KEY = createContextKey('waybill.self-check')
const PROBE_SPAN = { traceId: '1'.repeat(32), spanId: '1'.repeat(16), traceFlags: TraceFlags.SAMPLED }

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

/** Checks, at the first use, what silently breaks traces, and warns with the cure (conventions §6). */
export function selfCheck(propagator: TextMapPropagator, log: DiagLogger): void {
  safely(log, 'self-check', undefined, () => {
    if (
      !context.with(
        ROOT_CONTEXT.setValue(PROBE_KEY, true),
        () => context.active().getValue(PROBE_KEY) === true,
      )
    ) {
      warnOnce(
        log,
        'no context manager',
        'No context manager is registered: spans made in a handler will not join its trace. Call context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable()).',
      )
    }
    const fields: Record<string, string> = {}
    propagator.inject(trace.setSpanContext(ROOT_CONTEXT, PROBE_SPAN), fields, defaultTextMapSetter)
    if (fields['traceparent'] === undefined) {
      warnOnce(
        log,
        'no traceparent',
        'The propagator writes no traceparent: other hops may not continue this trace. Register W3CTraceContextPropagator.',
      )
    }
  })
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
