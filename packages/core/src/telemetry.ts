import {
  createNoopMeter,
  metrics,
  trace,
  type DiagLogger,
  type Meter,
  type MeterProvider,
  type TextMapPropagator,
  type Tracer,
  type TracerProvider,
} from '@opentelemetry/api'
import { logger, safely } from './diag.ts'
import { instrumentsFor, type Instruments } from './metrics.ts'
import { globalPropagator } from './propagation.ts'
import { resolveOptions, type Origin, type ResolvedOptions, type TelemetryOptions } from './options.ts'
import { reportNoSdk, selfCheck } from './self-check.ts'
import { SCHEMA_URL } from './semconv.ts'

/** Who an adapter is: its package, which is the instrumentation scope, and the messaging system it speaks to. */
export interface Scope extends Origin {
  /** Package version, the scope's version. */
  readonly version: string
  /** `messaging.system.name` */
  readonly system: string
}

/** What is live right now: the tracer, instruments and propagator of the registered SDK. */
export interface Signals {
  readonly tracer: Tracer
  readonly meter: Meter
  readonly instruments: Instruments
  readonly propagator: TextMapPropagator
}

/** The only long-lived state of an adapter: its checked options and the signals, resolved once and again on change. */
export interface Telemetry {
  readonly scope: Scope
  readonly options: ResolvedOptions
  readonly log: DiagLogger
  /** `undefined` while no SDK is registered: then nothing is to be built, written or recorded. Never throws. */
  signals(): Signals | undefined
  /** Epoch ms by `options.now`; by this machine's clock if that throws. */
  now(): number
}

const NOOP_METER = createNoopMeter()

/**
 * Checks the options of an adapter's function and prepares its telemetry.
 *
 * @param extra checks of options that only this adapter has, see `resolveOptions`
 * @throws WaybillTypeError on bad options
 */
export function createTelemetry(
  scope: Scope,
  options?: TelemetryOptions,
  extra?: Readonly<Record<string, (value: unknown) => string | undefined>>,
): Telemetry {
  const resolved = resolveOptions(scope, options, extra)
  const log = logger(scope.packageName)
  let tracerProvider: TracerProvider | undefined
  let meterProvider: MeterProvider | undefined
  let live: Signals | undefined
  let toldNoSdk = false

  function lookUp(): Signals | undefined {
    const tracers = resolved.tracerProvider ?? trace.getTracerProvider()
    const meters = resolved.meterProvider ?? metrics.getMeterProvider()
    if (live !== undefined && tracers === tracerProvider && meters === meterProvider) return live
    const propagator = resolved.propagator ?? globalPropagator
    const meter = meters.getMeter(scope.packageName, scope.version, { schemaUrl: SCHEMA_URL })
    if (!isRegistered(tracers, meter) && propagator.fields().length === 0) {
      if (!toldNoSdk) reportNoSdk(log)
      toldNoSdk = true
      return undefined
    }
    tracerProvider = tracers
    meterProvider = meters
    live = {
      tracer: tracers.getTracer(scope.packageName, scope.version, { schemaUrl: SCHEMA_URL }),
      meter,
      instruments: instrumentsFor(meter),
      propagator: selfCheck(propagator, log),
    }
    return live
  }

  return {
    scope,
    options: resolved,
    log,
    signals: () => safely(log, 'looking up the SDK', undefined, lookUp),
    now: () => safely<number | undefined>(log, 'options.now()', undefined, resolved.now) ?? Date.now(),
  }
}

function isRegistered(tracers: TracerProvider, meter: Meter): boolean {
  // The API's own stand-in for a provider that is still to come has this method; a real provider has not.
  const { getDelegateTracer } = tracers as { getDelegateTracer?: (name: string) => Tracer | undefined }
  return (
    getDelegateTracer === undefined ||
    getDelegateTracer.call(tracers, '') !== undefined ||
    meter !== NOOP_METER
  )
}
