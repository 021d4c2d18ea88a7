import type { MeterProvider, TextMapPropagator, TracerProvider } from '@opentelemetry/api'
import { FOREIGN_CARRIERS, type ForeignCarrier } from './foreign.ts'
import type { Relation, Trust } from './trust.ts'

/** What a function-valued option is told about a message. */
export interface MessageInfo {
  /** `messaging.destination.name` */
  readonly destination: string
  readonly messageId?: string | undefined
  /** What kind of message this is, where the application names it: a BullMQ job's name. */
  readonly messageName?: string | undefined
  readonly attempt?: number | undefined
}

/** Options that every adapter takes. All are optional; unknown names are an error. */
export interface TelemetryOptions {
  /** Where spans go. Default: the global tracer provider, looked up at every use, so the SDK may be started later. */
  readonly tracerProvider?: TracerProvider
  /** Where metrics go. Default: the global meter provider, looked up likewise. */
  readonly meterProvider?: MeterProvider
  /** What writes and reads context. Default: the global propagator. */
  readonly propagator?: TextMapPropagator
  /** `parent` (default): Process is a child of the creation context and links it; `link`: a new trace that links it. */
  readonly relation?: Relation | ((message: MessageInfo) => Relation)
  /** `continue` (default), `link` or `ignore` an incoming context. */
  readonly trust?: Trust | ((message: MessageInfo) => Trust)
  /** Keys of incoming baggage that are let in. Default: all under `trust: 'continue'`, none otherwise. */
  readonly acceptBaggage?: readonly string[]
  /** Keys of baggage that are sent. Default: all, within `maxBaggageBytes`. */
  readonly sendBaggage?: readonly string[]
  /** Cap in bytes for the baggage that is sent, 0 to 8192; members beyond it are left out. Default 1024. */
  readonly maxBaggageBytes?: number
  /**
   * What becomes of a trace context that the application itself put into a message that it sends: `keep` (default) it and
   * link it, or `replace` it by the current one and link it. Headers copied from the message being handled are replaced
   * in either case.
   */
  readonly existingContext?: 'keep' | 'replace'
  /**
   * Whose own carriers are read where a message has no `traceparent`; an empty list reads none. What a CloudEvent carries is
   * linked, all others are continued. Default: all.
   */
  readonly foreignCarriers?: readonly ForeignCarrier[]
  /**
   * Further names under which a message may have a W3C `traceparent`, tried where it has none of that name:
   * `googclient_traceparent`, `Diagnostic-Id`. They are read only. Default none.
   */
  readonly extraHeaderNames?: readonly string[]
  /** The transit span. The wait is always in the metric and on the Process span. */
  readonly transitSpan?: {
    /** Default true. */
    readonly enabled?: boolean
    /** Shortest wait in ms that gets a span. Default 1. */
    readonly minMs?: number
    /** Longest wait in ms that gets a span, since backends drop spans far in the past. Default 3,600,000 (1 h). */
    readonly maxMs?: number
  }
  /** Most links on one batch span; the SDK silently drops more than its own limit. Default 128. */
  readonly maxLinks?: number
  /** Set `messaging.system`, the name before semantic conventions 1.45.0, as well. Default true. */
  readonly compat?: boolean
  /**
   * Set what Sentry reads as well: `messaging.message.receive.latency`, the wait in ms, and `messaging.message.retry.count`.
   * Default false.
   */
  readonly aliases?: boolean
  /** Clock in epoch ms. Default `Date.now`. */
  readonly now?: () => number
}

/** `TelemetryOptions` with the defaults filled in. */
export interface ResolvedOptions {
  readonly tracerProvider: TracerProvider | undefined
  readonly meterProvider: MeterProvider | undefined
  readonly propagator: TextMapPropagator | undefined
  readonly relation: Relation | ((message: MessageInfo) => Relation) | undefined
  readonly trust: Trust | ((message: MessageInfo) => Trust)
  readonly acceptBaggage: readonly string[] | undefined
  readonly sendBaggage: readonly string[] | undefined
  readonly maxBaggageBytes: number
  readonly existingContext: 'keep' | 'replace'
  readonly foreignCarriers: readonly ForeignCarrier[]
  readonly extraHeaderNames: readonly string[]
  readonly transitSpan: { readonly enabled: boolean; readonly minMs: number; readonly maxMs: number }
  readonly maxLinks: number
  readonly compat: boolean
  readonly aliases: boolean
  readonly now: () => number
}

/** Where an option came from, for error messages: `@waybill/kafka`, `traceProducer`. */
export interface Origin {
  readonly packageName: string
  readonly functionName: string
}

/** A bad argument or option, found at construction. The message names package, function, expected, got and remedy. */
export class WaybillTypeError extends TypeError {
  override readonly name = 'WaybillTypeError'
  constructor(origin: Origin, expected: string, got: unknown, remedy: string) {
    super(
      `${origin.packageName}: ${origin.functionName}() expected ${expected}, got ${describe(got)}. ${remedy}`,
    )
  }
}

function describe(value: unknown): string {
  if (value === null || value === undefined) return String(value)
  if (typeof value === 'string') return JSON.stringify(value)
  if (typeof value === 'function') return `a function${value.name === '' ? '' : ` (${value.name})`}`
  if (Array.isArray(value)) return 'an array'
  if (typeof value === 'object') {
    const name = (value as { constructor?: { name?: string } }).constructor?.name
    return name === undefined || name === 'Object' ? 'an object' : `an instance of ${name}`
  }
  return String(value as number | boolean | bigint | symbol)
}

/** Says what was expected of a value, or nothing if the value is fine. */
export type Check = (value: unknown) => string | undefined

const isFunctionOr =
  (...values: string[]): Check =>
  (value) =>
    typeof value === 'function' || values.includes(value as string)
      ? undefined
      : `${values.map((v) => `'${v}'`).join(', ')} or a function`
export const isStrings: Check = (value) =>
  Array.isArray(value) && value.every((v) => typeof v === 'string') ? undefined : 'an array of strings'
export const isText: Check = (value) => (typeof value === 'string' ? undefined : 'a string')
export const isBoolean: Check = (value) => (typeof value === 'boolean' ? undefined : 'a boolean')
export const isObject: Check = (value) =>
  typeof value === 'object' && value !== null ? undefined : 'an object'
export const isFunction: Check = (value) => (typeof value === 'function' ? undefined : 'a function')
export const isNumber =
  (min: number, max: number): Check =>
  (value) =>
    typeof value === 'number' && value >= min && value <= max ? undefined : `a number from ${min} to ${max}`
export const hasMethod =
  (name: string): Check =>
  (value) =>
    typeof (value as Record<string, unknown> | null)?.[name] === 'function'
      ? undefined
      : `an object with ${name}()`

export const isForeignCarriers: Check = (value) =>
  Array.isArray(value) && value.every((name) => FOREIGN_CARRIERS.includes(name as ForeignCarrier))
    ? undefined
    : `a list of ${FOREIGN_CARRIERS.map((name) => `'${name}'`).join(', ')}`

const CHECKS: Record<keyof TelemetryOptions, Check> = {
  tracerProvider: hasMethod('getTracer'),
  meterProvider: hasMethod('getMeter'),
  propagator: hasMethod('inject'),
  relation: isFunctionOr('parent', 'link'),
  trust: isFunctionOr('continue', 'link', 'ignore'),
  acceptBaggage: isStrings,
  sendBaggage: isStrings,
  maxBaggageBytes: isNumber(0, 8192),
  existingContext: (value) => (value === 'keep' || value === 'replace' ? undefined : "'keep' or 'replace'"),
  foreignCarriers: isForeignCarriers,
  extraHeaderNames: isStrings,
  transitSpan: isObject,
  maxLinks: isNumber(0, 10_000),
  compat: isBoolean,
  aliases: isBoolean,
  now: isFunction,
}

const TRANSIT_CHECKS: Record<string, Check> = {
  enabled: isBoolean,
  minMs: isNumber(0, Number.MAX_SAFE_INTEGER),
  maxMs: isNumber(0, Number.MAX_SAFE_INTEGER),
}

/**
 * Checks the options of one call and fills in the defaults.
 *
 * @param extra checks of the options that only this adapter has: what was expected, or `undefined` if the value is fine
 * @throws WaybillTypeError on an unknown name or a wrong value: a typo must not pass silently
 */
export function resolveOptions(
  origin: Origin,
  options: TelemetryOptions = {},
  extra: Readonly<Record<string, Check>> = {},
): ResolvedOptions {
  if (typeof options !== 'object' || options === null || Array.isArray(options)) {
    throw new WaybillTypeError(origin, 'an options object', options, 'Leave it out to take the defaults.')
  }
  check(origin, options, { ...CHECKS, ...extra }, '')
  check(origin, options.transitSpan ?? {}, TRANSIT_CHECKS, 'transitSpan.')
  const { transitSpan } = options
  return {
    tracerProvider: options.tracerProvider,
    meterProvider: options.meterProvider,
    propagator: options.propagator,
    relation: options.relation,
    trust: options.trust ?? 'continue',
    acceptBaggage: options.acceptBaggage,
    sendBaggage: options.sendBaggage,
    maxBaggageBytes: options.maxBaggageBytes ?? 1024,
    existingContext: options.existingContext ?? 'keep',
    foreignCarriers: options.foreignCarriers ?? FOREIGN_CARRIERS,
    extraHeaderNames: options.extraHeaderNames ?? [],
    transitSpan: {
      enabled: transitSpan?.enabled ?? true,
      minMs: transitSpan?.minMs ?? 1,
      maxMs: transitSpan?.maxMs ?? 3_600_000,
    },
    maxLinks: options.maxLinks ?? 128,
    compat: options.compat ?? true,
    aliases: options.aliases ?? false,
    now: options.now ?? Date.now,
  }
}

/**
 * Checks each option by its name's check.
 *
 * @param prefix stands before the names in messages, e.g. `transitSpan.`
 * @param remedy what to do about a wrong value
 * @throws WaybillTypeError on an unknown name or a wrong value
 */
export function check(
  origin: Origin,
  options: object,
  checks: Readonly<Record<string, Check>>,
  prefix: string,
  remedy = 'See TelemetryOptions.',
): void {
  for (const [name, value] of Object.entries(options)) {
    const known = Object.hasOwn(checks, name) ? checks[name] : undefined
    if (known === undefined) {
      const names = Object.keys(checks)
        .map((n) => prefix + n)
        .join(', ')
      throw new WaybillTypeError(
        origin,
        `options among ${names}`,
        `${prefix}${name}`,
        'Remove it or mend the spelling.',
      )
    }
    const expected = value === undefined ? undefined : known(value)
    if (expected !== undefined) {
      throw new WaybillTypeError(origin, `option ${prefix}${name} to be ${expected}`, value, remedy)
    }
  }
}
