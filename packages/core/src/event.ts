import { context as contextApi, ROOT_CONTEXT, SpanKind, trace, type Attributes } from '@opentelemetry/api'
import { safely } from './diag.ts'
import { recordFailure } from './failure.ts'
import { journeyOf } from './journey.ts'
import { ATTR_SYSTEM, ATTR_SYSTEM_NAME } from './semconv.ts'
import type { Failure } from './settle.ts'
import type { Telemetry } from './telemetry.ts'

/** Something that happened to a client, not to a message: a commit, a rebalance, a crash. */
export interface TelemetryEvent {
  /** `kafka.commit`, `kafka.rebalance` */
  readonly name: string
  /** What it happened to, in the name of its span; of low cardinality: a consumer group. */
  readonly subject?: string | undefined
  /** How long it took, ms, where it is known. */
  readonly durationMs?: number | undefined
  readonly attributes: Attributes
  /**
   * True if a call of the application made it happen, so that the active span is its own. Else only a handler's span counts
   * as that: in a client's own loops whatever was active when it was started still is.
   */
  readonly called?: boolean | undefined
  readonly failure?: Failure | undefined
}

/**
 * Records an event: on the span within which it happens, as a commit that a handler makes does; else, and if it is a
 * failure, as a span of its own that is ended at once, so that nothing can be left open by an event that never comes. Never
 * throws.
 */
export function recordEvent(telemetry: Telemetry, event: TelemetryEvent): void {
  const signals = telemetry.signals()
  if (signals === undefined) return
  safely(telemetry.log, 'recording an event', undefined, () => {
    const current = contextApi.active()
    const around = event.called === true || journeyOf(current) !== undefined ? current : ROOT_CONTEXT
    const span = trace.getSpan(around)
    if (span?.isRecording() === true && event.failure === undefined) {
      span.addEvent(event.name, event.attributes)
      return
    }
    const { system } = telemetry.scope
    const attributes: Attributes = { [ATTR_SYSTEM_NAME]: system, ...event.attributes }
    if (telemetry.options.compat) attributes[ATTR_SYSTEM] = system
    const end = Date.now()
    const startTime = new Date(end - (event.durationMs ?? 0))
    const name = event.subject === undefined ? event.name : `${event.name} ${event.subject}`
    const own = signals.tracer.startSpan(name, { kind: SpanKind.INTERNAL, attributes, startTime }, around)
    recordFailure(own, event)
    own.end(new Date(end))
  })
}
