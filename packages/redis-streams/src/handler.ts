import {
  createTelemetry,
  process,
  WAYBILL_FIELD,
  WaybillTypeError,
  type Incoming,
  type Signals,
  type TelemetryOptions,
} from '@waybill/core/adapter'
import { carrierOf, checkCarrier, type CarrierOption } from './carrier.ts'
import { isFlag, isTemplate, isText } from './checks.ts'
import { describeEntry, type Source } from './delivery.ts'
import { inShapeOf, listOf } from './field-list.ts'
import { destinationOf } from './producing.ts'
import { scopeOf } from './scope.ts'
import type { Delivery, StreamEntry, StreamMessage } from './types.ts'

/** Where the entries of a handler come from. */
export interface StreamOptions extends TelemetryOptions {
  /** The stream's key as replies name it, with any `keyPrefix`. */
  readonly stream: string
  /** The consumer group; left out for plain XREAD. */
  readonly group?: string
  /** The consumer's name in the group. */
  readonly consumer?: string
  /** Let the handler see `traceparent`, `tracestate`, `baggage` and `waybill` among the entry's fields. Default false. */
  readonly keepContextFields?: boolean
  /** Where the context is read. Default: in fields of its own. */
  readonly carrier?: CarrierOption
  /** Low-cardinality form of the stream's key, such as `jobs:{tenant}`: then span names and metrics have it instead. */
  readonly template?: string | ((stream: string) => string | undefined)
}

/**
 * Wraps a function that is called once for each entry of a stream, as ioredis or node-redis delivers it: it then runs in a
 * CONSUMER span `process {stream}`, in the entry's own trace and baggage, and sees the application's fields only. The wait is
 * counted from the entry id, the server's clock. Say by the second argument when an entry is not delivered for the first
 * time, unless `XREADGROUP … CLAIM` says so in the entry itself; the wait is then unknown.
 *
 * @throws WaybillTypeError if `handler` is no function, or on a bad option
 * @example
 * const handle = traceHandler(async ([id, fields]) => bill(fields), { stream: 'jobs', group: 'billing' })
 * for (const entry of entries) {
 *   await handle(entry)
 *   await redis.xack('jobs', 'billing', entry[0])
 * }
 */
export function traceHandler<R, V = string>(
  handler: (entry: StreamEntry<V>) => R,
  options: StreamOptions,
): (entry: StreamEntry<V>, delivery?: Delivery) => R
export function traceHandler<R, M extends StreamMessage>(
  handler: (message: M) => R,
  options: StreamOptions,
): (message: M, delivery?: Delivery) => R
export function traceHandler<R>(
  handler: (entry: never) => R,
  options: StreamOptions,
): (entry: Entry, delivery?: Delivery) => R {
  const scope = scopeOf('traceHandler')
  if (typeof handler !== 'function') {
    throw new WaybillTypeError(scope, 'a function', handler, 'Pass the function that handles one entry.')
  }
  const telemetry = createTelemetry(scope, options, {
    stream: isText,
    group: isText,
    consumer: isText,
    keepContextFields: isFlag,
    carrier: checkCarrier,
    template: isTemplate,
  })
  if (options?.stream === undefined) {
    throw new WaybillTypeError(
      scope,
      'option stream',
      undefined,
      "Name the stream: traceHandler(handler, { stream: 'jobs' }).",
    )
  }
  const { stream, group, consumer, keepContextFields = false, template } = options
  const carrier = carrierOf(options.carrier)
  const source: Source = {
    destination: destinationOf(telemetry, stream, template),
    group,
    consumer,
    carrier,
  }
  const hidden = contextFieldsOf()

  return (entry, delivery) => {
    const list = listOf(fieldsOf(entry))
    // Deleted or trimmed while it was pending: there is nothing to trace, and the handler decides as it always did.
    if (list === undefined) return handler(entry as never)
    const signals = telemetry.signals()
    const seen = keepContextFields ? list : carrier.visible(list, hidden(signals))
    const visible = seen === list ? entry : withFields(entry, seen)
    if (signals === undefined) return handler(visible as never)
    const incoming = describeEntry(telemetry, source, idOf(entry), list, { ...claimed(entry), ...delivery })
    return process(telemetry, incoming as Incoming, () => handler(visible as never))
  }
}

const W3C_AND_OURS: ReadonlySet<string> = new Set(['traceparent', 'tracestate', 'baggage', WAYBILL_FIELD])

/** The lower-case names under which context may lie. Known once an SDK is there; until then W3C's and ours. */
export function contextFieldsOf(): (signals: Signals | undefined) => ReadonlySet<string> {
  let names: ReadonlySet<string> | undefined
  return (signals) => {
    if (names !== undefined) return names
    if (signals === undefined) return W3C_AND_OURS
    const written = signals.propagator.fields().map((name) => name.toLowerCase())
    return (names = new Set([...W3C_AND_OURS, ...written]))
  }
}

type Entry = StreamEntry<unknown> | StreamMessage

function isTuple(entry: Entry): entry is StreamEntry<unknown> {
  return Array.isArray(entry)
}

function idOf(entry: Entry): unknown {
  return isTuple(entry) ? entry[0] : entry.id
}

function fieldsOf(entry: Entry | null | undefined): unknown {
  if (entry === null || entry === undefined) return undefined
  return isTuple(entry) ? entry[1] : entry.message
}

function withFields<E extends Entry>(entry: E, fields: readonly unknown[]): E {
  if (isTuple(entry)) return [entry[0], fields, ...entry.slice(2)] as unknown as E
  return Object.assign({}, entry, { message: inShapeOf(entry.message, fields) })
}

/** What `XREADGROUP … CLAIM` says: idle time and earlier deliveries, both 0 for a new entry. */
function claimed(entry: Entry): Delivery {
  const [idle, before]: readonly unknown[] = isTuple(entry)
    ? entry.slice(2)
    : [entry.millisElapsedFromDelivery, entry.deliveriesCounter]
  const count = Number(before ?? 0)
  return count > 0 ? { attempt: count + 1, idleMs: Number(idle) } : {}
}
