import { propagation, SpanKind, trace, type Attributes, type Context } from '@opentelemetry/api'
import { ATTR_ROOT_REASON, NO_SPAN, safely, type Signals } from '@waybill/core/adapter'
import { recordContent } from './content.ts'
import { instrumentsOf } from './metrics.ts'
import type { Settings } from './options.ts'
import { originOf, withHandled, type Arrival } from './origin.ts'
import { outcomeAttributes, recordOutcome, type Outcome } from './outcome.ts'
import { creationAttributes, spanName } from './request.ts'
import { ATTR_TOOL_ARGUMENTS, ATTR_TOOL_RESULT } from './semconv.ts'

/** A request being handled: a SERVER span that ends exactly once. */
export interface Serving {
  /** What the handler is to run in. */
  readonly context: Context
  /** @param attributes what is known of the connection, for the points */
  end(outcome: Outcome, attributes?: Attributes): void
}

/**
 * Starts the span of an incoming request.
 *
 * @param details what else it says, asked for only if it is recorded
 */
export function beginServing(
  settings: Settings,
  signals: Signals,
  arrival: Arrival,
  details?: () => Attributes,
): Serving {
  const { log } = settings.telemetry
  const { facts } = arrival
  const { parent, links, creation, rootReason } = originOf(settings, signals, arrival)
  const started = performance.now()
  const span = safely(log, 'starting a server span', NO_SPAN, () => {
    const attributes = creationAttributes(facts)
    if (rootReason !== undefined) attributes[ATTR_ROOT_REASON] = rootReason
    return signals.tracer.startSpan(spanName(facts), { kind: SpanKind.SERVER, attributes, links }, parent)
  })
  if (span.isRecording() && details !== undefined)
    safely(log, 'describing a server span', undefined, () => {
      span.setAttributes(details())
    })
  const context = span === NO_SPAN ? parent : trace.setSpan(parent, span)
  recordContent(settings, context, facts, ATTR_TOOL_ARGUMENTS, arrival.given)
  let ended = false
  return {
    context: withHandled(context, { facts, creation, baggage: propagation.getBaggage(parent) }),
    end(outcome, attributes = {}) {
      if (ended) return
      ended = true
      recordContent(settings, context, facts, ATTR_TOOL_RESULT, outcome.result)
      safely(log, 'ending a server span', undefined, () => {
        try {
          recordOutcome(span, outcome)
        } finally {
          span.end()
        }
        const { operation, bounded } = instrumentsOf(signals)
        const method = bounded(facts.method)
        const name = facts.name === undefined ? undefined : bounded(facts.name)
        operation.server.record((performance.now() - started) / 1000, {
          ...creationAttributes({ method, name }),
          ...attributes,
          ...outcomeAttributes(outcome),
        })
      })
    },
  }
}
