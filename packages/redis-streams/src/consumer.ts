import {
  createTelemetry,
  fieldListGetter,
  parseWaybill,
  process,
  WAYBILL_FIELD,
  WaybillTypeError,
  type Incoming,
  type Telemetry,
  type TelemetryOptions,
} from '@waybill/core/adapter'
import { clockOf } from './entry-id.ts'
import type { Delivery, StreamEntry } from './types.ts'
import { VERSION } from './version.ts'

const SCOPE = {
  packageName: '@waybill/redis-streams',
  functionName: 'traceHandler',
  version: VERSION,
  system: 'redis',
} as const

const W3C_AND_OURS: ReadonlySet<string> = new Set(['traceparent', 'tracestate', 'baggage', WAYBILL_FIELD])

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
}

const isText = (value: unknown): string | undefined =>
  typeof value === 'string' && value !== '' ? undefined : 'a non-empty string'
const isFlag = (value: unknown): string | undefined => (typeof value === 'boolean' ? undefined : 'a boolean')

/**
 * Wraps a function that is called once for each entry of a stream: it then runs in a CONSUMER span `process {stream}`, in
 * the entry's own trace and baggage, and sees the application's fields only. The wait is counted from the entry id, the
 * server's clock. Say by the second argument when an entry is not delivered for the first time; the wait is then unknown.
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
): (entry: StreamEntry<V>, delivery?: Delivery) => R {
  if (typeof handler !== 'function') {
    throw new WaybillTypeError(SCOPE, 'a function', handler, 'Pass the function that handles one entry.')
  }
  const telemetry = createTelemetry(SCOPE, options, {
    stream: isText,
    group: isText,
    consumer: isText,
    keepContextFields: isFlag,
  })
  if (options?.stream === undefined) {
    throw new WaybillTypeError(
      SCOPE,
      'option stream',
      undefined,
      "Name the stream: traceHandler(handler, { stream: 'jobs' }).",
    )
  }
  const { stream, group, consumer, keepContextFields = false } = options
  const destination = { name: stream }
  // Known once an SDK is there; until then only W3C names can have been written by anybody.
  let contextFields: ReadonlySet<string> | undefined
  const hidden = (): ReadonlySet<string> => {
    const propagator = telemetry.signals()?.propagator
    if (propagator === undefined) return W3C_AND_OURS
    return (contextFields ??= new Set([...W3C_AND_OURS, ...propagator.fields()]))
  }

  return (entry, delivery) => {
    const [id, fields] = entry
    // Deleted or trimmed while it was pending: there is nothing to trace, and the handler decides as it always did.
    if (!Array.isArray(fields)) return handler(entry)
    const visible: StreamEntry<V> = keepContextFields ? entry : [id, without(hidden(), fields as V[])]
    const incoming: Incoming<readonly unknown[]> = {
      operation: 'process',
      destination,
      carrier: fields,
      getter: fieldListGetter,
      messageId: textOf(id),
      group,
      clientId: consumer,
      ...timing(telemetry, textOf(id), fields, delivery),
    }
    return process(telemetry, incoming as Incoming, () => handler(visible))
  }
}

function timing(
  telemetry: Telemetry,
  id: string,
  fields: readonly unknown[],
  delivery: Delivery = {},
): Pick<Incoming, 'times' | 'unknown' | 'attempt'> {
  const now = telemetry.now()
  const { sent } = parseWaybill(fieldListGetter.get(fields, WAYBILL_FIELD) as string | undefined, now)
  const again = delivery.redelivered === true || (delivery.attempt ?? 1) > 1
  return {
    times: [{ at: clockOf(id, now, sent), clock: 'broker' }, 'sent'],
    unknown: again ? 'redelivered' : undefined,
    attempt: delivery.attempt ?? (again ? undefined : 1),
  }
}

function without<V>(names: ReadonlySet<string>, fields: readonly V[]): readonly V[] {
  const own: V[] = []
  for (let i = 0; i < fields.length; i += 2) {
    if (!names.has(textOf(fields[i]).toLowerCase())) own.push(...fields.slice(i, i + 2))
  }
  return own
}

function textOf(value: unknown): string {
  return value instanceof Uint8Array ? Buffer.from(value).toString('utf8') : String(value)
}
