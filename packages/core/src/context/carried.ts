import { context as contextApi, trace, type Context, type TextMapGetter } from '@opentelemetry/api'
import { mapGetter, parseJsonCarrier, recordGetter } from '../carrier.ts'
import { logger, safely } from '../diag.ts'
import { contextIn, fieldsOf, type Handing } from '../hand-over.ts'
import { resolveOptions, type TelemetryOptions } from '../options.ts'
import { globalPropagator } from '../propagation.ts'
import { reportSend } from '../sends.ts'

const PACKAGE = '@waybill/core'
const log = logger(PACKAGE)

/** Options of `inject`, `extract` and `runWithCarrier`, as described at `TelemetryOptions`. */
export type CarriedOptions = Pick<
  TelemetryOptions,
  | 'propagator'
  | 'acceptBaggage'
  | 'sendBaggage'
  | 'maxBaggageBytes'
  | 'foreignCarriers'
  | 'extraHeaderNames'
  | 'now'
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
  const active = contextApi.active()
  reportSend(active, 1, trace.getSpanContext(active), log)
  return fieldsOf(active, handing('inject', options))
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
  return contextIn(...readable(carrier), handing('extract', options))
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
  return contextApi.with(contextIn(...readable(carrier), handing('runWithCarrier', options)), fn)
}

/** What `fieldsOf` and `contextIn` need, from the options that a user gave to one of our functions. */
export function handing(functionName: string, options: CarriedOptions | undefined): Handing {
  const resolved =
    options === undefined ? DEFAULTS : resolveOptions({ packageName: PACKAGE, functionName }, options)
  return {
    options: resolved,
    propagator: resolved.propagator ?? globalPropagator,
    log,
    now: safely<number | undefined>(log, 'options.now()', undefined, resolved.now) ?? Date.now(),
  }
}

const DEFAULTS = resolveOptions({ packageName: PACKAGE, functionName: 'inject' })

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
