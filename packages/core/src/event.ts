import { context as contextApi, ROOT_CONTEXT, SpanKind, trace, type Attributes } from '@opentelemetry/api'
import { safely } from './diag.ts'
import { recordFailure } from './failure.ts'
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
  readonly failure?: Failure | undefined
}

/**
 * Records an event: on the span that is active if it happens within one, as a commit that a handler makes does; else as a
 * root span of its own that is ended at once, so that nothing can be left open by an event that never comes. Never throws.
 */
export function recordEvent(telemetry: Telemetry, event: TelemetryEvent): void {
  const signals = telemetry.signals()
  if (signals === undefined) return
  safely(telemetry.log, 'recording an event', undefined, () => {
    const active = trace.getSpan(contextApi.active())
    if (active?.isRecording() === true && event.failure === undefined) {
      active.addEvent(event.name, event.attributes)
      return
    }
    const { system } = telemetry.scope
    const attributes: Attributes = { [ATTR_SYSTEM_NAME]: system, ...event.attributes }
    if (telemetry.options.compat) attributes[ATTR_SYSTEM] = system
    const end = Date.now()
    const startTime = new Date(end - (event.durationMs ?? 0))
    const name = event.subject === undefined ? event.name : `${event.name} ${event.subject}`
    const span = signals.tracer.startSpan(
      name,
      { kind: SpanKind.INTERNAL, attributes, startTime },
      ROOT_CONTEXT,
    )
    recordFailure(span, event)
    span.end(new Date(end))
  })
}
