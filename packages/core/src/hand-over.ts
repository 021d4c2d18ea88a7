import {
  ROOT_CONTEXT,
  trace,
  type Context,
  type DiagLogger,
  type TextMapGetter,
  type TextMapPropagator,
} from '@opentelemetry/api'
import { safely } from './diag.ts'
import { journeyOf, withJourney } from './journey.ts'
import type { ResolvedOptions } from './options.ts'
import { extract, inject } from './propagation.ts'
import type { Telemetry } from './telemetry.ts'
import { contextWithBaggage } from './trust.ts'
import { formatWaybill, originOf, WAYBILL_FIELD } from './waybill.ts'

/** What it takes to write a context down, or to read one. */
export interface Handing {
  readonly options: Pick<
    ResolvedOptions,
    'sendBaggage' | 'maxBaggageBytes' | 'acceptBaggage' | 'foreignCarriers' | 'extraHeaderNames'
  >
  readonly propagator: TextMapPropagator
  readonly log: DiagLogger
  /** Epoch ms. */
  readonly now: number
}

/** A context as text fields, the `waybill` field last; empty if there is nothing to carry. Never throws. */
export function fieldsOf(
  context: Context,
  { options, propagator, log, now }: Handing,
): Record<string, string> {
  const limits = { allow: options.sendBaggage, maxBytes: options.maxBaggageBytes }
  const fields = inject(context, propagator, limits, log)
  if (Object.keys(fields).length === 0) return fields
  const sent = Math.trunc(now)
  fields[WAYBILL_FIELD] = formatWaybill({ sent, origin: journeyOf(context)?.origin ?? sent })
  return fields
}

/** The root context with the trace, the baggage and the journey that a carrier brings. Never throws. */
export function contextIn<C>(
  carrier: C,
  getter: TextMapGetter<C>,
  { options, propagator, log, now }: Handing,
): Context {
  const found = extract(carrier, getter, propagator, now, log, undefined, options)
  const { context, waybill } = found
  const creation = found.linkOnly === true ? undefined : found.creation
  const base = safely(log, 'reading baggage', ROOT_CONTEXT, () =>
    contextWithBaggage('continue', context, options.acceptBaggage),
  )
  const parent = creation === undefined ? base : trace.setSpanContext(base, creation)
  return withJourney(parent, { origin: originOf(waybill), creation })
}

/**
 * The text fields with which another thread or process carries on the work on one message: its spans then lie under the
 * span in `context`. No send, so there is no span and nothing is counted. Empty if no SDK is registered. Never throws.
 */
export function handOver(telemetry: Telemetry, context: Context): Record<string, string> {
  const handing = handingOf(telemetry)
  return handing === undefined ? {} : fieldsOf(context, handing)
}

/**
 * The context that `handOver` has put into a carrier, for whoever carries on there: its trace, its baggage and its journey,
 * on the root context. `undefined` if no SDK is registered. Never throws.
 */
export function takeOver<C>(telemetry: Telemetry, carrier: C, getter: TextMapGetter<C>): Context | undefined {
  const handing = handingOf(telemetry)
  return handing === undefined ? undefined : contextIn(carrier, getter, handing)
}

function handingOf(telemetry: Telemetry): Handing | undefined {
  const propagator = telemetry.signals()?.propagator
  if (propagator === undefined) return undefined
  const { log, options } = telemetry
  return { options, propagator, log, now: telemetry.now() }
}
