import { ROOT_CONTEXT, trace, type Context, type TextMapGetter } from '@opentelemetry/api'
import { safely } from './diag.ts'
import { journeyOf, withJourney } from './journey.ts'
import { extract, inject } from './propagation.ts'
import type { Telemetry } from './telemetry.ts'
import { contextWithBaggage } from './trust.ts'
import { formatWaybill, WAYBILL_FIELD } from './waybill.ts'

/**
 * The text fields with which another thread or process carries on the work on one message: its spans then lie under the
 * span in `context`. No send, so there is no span and nothing is counted. Empty if no SDK is registered. Never throws.
 */
export function handOver(telemetry: Telemetry, context: Context): Record<string, string> {
  const { log, options } = telemetry
  const signals = telemetry.signals()
  if (signals === undefined) return {}
  const limits = { allow: options.sendBaggage, maxBytes: options.maxBaggageBytes }
  const fields = inject(context, signals.propagator, limits, log)
  const now = Math.trunc(telemetry.now())
  fields[WAYBILL_FIELD] = formatWaybill({ sent: now, origin: journeyOf(context)?.origin ?? now })
  return fields
}

/**
 * The context that `handOver` has put into a carrier, for whoever carries on there: its trace, its baggage and its journey,
 * on the root context. `undefined` if no SDK is registered. Never throws.
 */
export function takeOver<C>(telemetry: Telemetry, carrier: C, getter: TextMapGetter<C>): Context | undefined {
  const { log, options } = telemetry
  const signals = telemetry.signals()
  if (signals === undefined) return undefined
  const { context, creation, waybill } = extract(carrier, getter, signals.propagator, telemetry.now(), log)
  const base = safely(log, 'reading baggage', ROOT_CONTEXT, () =>
    contextWithBaggage('continue', context, options.acceptBaggage),
  )
  const parent = creation === undefined ? base : trace.setSpanContext(base, creation)
  return withJourney(parent, { origin: waybill.origin ?? waybill.sent, creation })
}
