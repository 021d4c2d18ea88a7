import {
  context as contextApi,
  trace,
  type Context,
  type TextMapGetter,
  type TextMapPropagator,
} from '@opentelemetry/api'
import { mapGetter, parseJsonCarrier, recordGetter } from '../carrier.ts'
import { logger, safely } from '../diag.ts'
import { journeyOf, withJourney } from '../journey.ts'
import { resolveOptions, type ResolvedOptions, type TelemetryOptions } from '../options.ts'
import { extract as read, globalPropagator, inject as write } from '../propagation.ts'
import { contextWithBaggage } from '../trust.ts'
import { formatWaybill, WAYBILL_FIELD } from '../waybill.ts'

const PACKAGE = '@waybill/core'
const log = logger(PACKAGE)

/** Options of `inject`, `extract` and `runWithCarrier`, as described at `TelemetryOptions`. */
export type CarriedOptions = Pick<
  TelemetryOptions,
  'propagator' | 'acceptBaggage' | 'sendBaggage' | 'maxBaggageBytes' | 'now'
>

/**
 * The active context as a plain object of texts: `traceparent`, `tracestate`, `baggage` as the propagator writes them, and
 * the `waybill` field. For places that no adapter reaches: a row of an outbox, a value in Redis, the body of a message.
 * Take it where the work is ordered, not where it is picked up. Empty if there is nothing to carry. Never throws, but for
 * bad options.
 *
 * @throws WaybillTypeError on a bad option
 * @example
 * await db.insert({ order, carrier: JSON.stringify(inject()) })
 */
export function inject(options?: CarriedOptions): Record<string, string> {
  const resolved = resolve('inject', options)
  const active = contextApi.active()
  const fields = injectWith(resolved, active)
  if (Object.keys(fields).length === 0) return fields
  const now = safely(log, 'options.now()', Date.now(), resolved.now)
  fields[WAYBILL_FIELD] = formatWaybill({ sent: now, origin: journeyOf(active)?.origin ?? now })
  return fields
}

/**
 * The context in a carrier, on the root context: nothing of what is active here gets in. Takes the object that `inject`
 * gave, its JSON text (string or bytes), a header object with texts or bytes, a `Map` or `Headers`. Of anything else, and
 * of what is malformed, it makes the root context. Never throws, but for bad options.
 *
 * @throws WaybillTypeError on a bad option
 * @example
 * await context.with(extract(row.carrier), () => publish(row.order))
 */
export function extract(carrier: unknown, options?: CarriedOptions): Context {
  return extractWith(resolve('extract', options), ...readable(carrier))
}

/**
 * Runs `fn` in the context of a carrier: `extract`, then `context.with`, in the one right order, before any span of the
 * new work is started. Result and error are those of `fn`.
 *
 * @throws WaybillTypeError on a bad option
 * @example
 * await runWithCarrier(row.carrier, () => publish(row.order))
 */
export function runWithCarrier<T>(carrier: unknown, fn: () => T, options?: CarriedOptions): T {
  return contextApi.with(extractWith(resolve('runWithCarrier', options), ...readable(carrier)), fn)
}

/** The propagator's fields of a context, within the caps. */
export function injectWith(options: ResolvedOptions, active: Context): Record<string, string> {
  const { sendBaggage, maxBaggageBytes } = options
  return write(active, propagatorOf(options), { allow: sendBaggage, maxBytes: maxBaggageBytes }, log)
}

/** The root context with what a carrier says, as a handler of an adapter would have it. */
export function extractWith<C>(options: ResolvedOptions, carrier: C, getter: TextMapGetter<C>): Context {
  const now = safely(log, 'options.now()', Date.now(), options.now)
  const { context, creation, waybill } = read(carrier, getter, propagatorOf(options), now, log)
  return safely(log, 'reading baggage', context, () => {
    const base = contextWithBaggage('continue', context, options.acceptBaggage)
    if (creation === undefined) return base
    const origin = waybill.origin ?? waybill.sent
    return withJourney(trace.setSpanContext(base, creation), { origin, creation })
  })
}

export function resolve(functionName: string, options: CarriedOptions | undefined): ResolvedOptions {
  return options === undefined ? DEFAULTS : resolveOptions({ packageName: PACKAGE, functionName }, options)
}

const DEFAULTS = resolveOptions({ packageName: PACKAGE, functionName: 'inject' })

function propagatorOf(options: ResolvedOptions): TextMapPropagator {
  return options.propagator ?? globalPropagator
}

type Readable = [carrier: object | undefined, getter: TextMapGetter<object | undefined>]

function readable(carrier: unknown): Readable {
  return safely<Readable>(log, 'reading a carrier', [undefined, recordGetter], () => {
    if (typeof carrier === 'string') return [parseJsonCarrier(carrier), recordGetter]
    if (carrier instanceof Uint8Array)
      return [parseJsonCarrier(Buffer.from(carrier).toString('utf8')), recordGetter]
    if (typeof carrier !== 'object' || carrier === null) return [undefined, recordGetter]
    if (!(Symbol.iterator in carrier)) return [carrier, recordGetter]
    return [new Map(carrier as Iterable<[unknown, unknown]>), mapGetter as Readable[1]]
  })
}
