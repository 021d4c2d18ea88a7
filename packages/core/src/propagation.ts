import {
  defaultTextMapSetter,
  propagation,
  ROOT_CONTEXT,
  trace,
  type Baggage,
  type BaggageEntry,
  type Context,
  type DiagLogger,
  type SpanContext,
  type TextMapGetter,
  type TextMapPropagator,
  type TextMapSetter,
} from '@opentelemetry/api'
import { reportDropped } from './baggage/dropped.ts'
import { reportFault, safely } from './diag.ts'
import { readForeignContext, type ForeignOptions } from './foreign.ts'
import { validContext } from './remote-context.ts'
import { allowedBaggage } from './trust.ts'
import { parseWaybill, WAYBILL_FIELD, type Waybill } from './waybill.ts'

/** The globally registered propagator, whichever it is at the moment of use. */
export const globalPropagator: TextMapPropagator = {
  inject: <C>(ctx: Context, carrier: C, setter: TextMapSetter<C>) => propagation.inject(ctx, carrier, setter),
  extract: <C>(ctx: Context, carrier: C, getter: TextMapGetter<C>) =>
    propagation.extract(ctx, carrier, getter),
  fields: () => propagation.fields(),
}

/** `sampled` and `random`: the only flags that today's W3C Trace Context defines. */
const DEFINED_FLAGS = 0x03

/** The text fields that carry `context`, in a fixed order; empty if nothing is propagated. Never throws. */
export function inject(
  context: Context,
  propagator: TextMapPropagator,
  baggage: { readonly allow: readonly string[] | undefined; readonly maxBytes: number },
  log: DiagLogger,
): Record<string, string> {
  const written: Record<string, unknown> = {}
  const outgoing = withCappedBaggage(withDefinedFlags(context), baggage, log)
  safely(log, 'propagator.inject()', undefined, () => {
    propagator.inject(outgoing, written, defaultTextMapSetter)
  })
  return inOrder(written)
}

const ORDER = ['traceparent', 'tracestate', 'baggage'] as const

/**
 * `traceparent`, `tracestate`, `baggage`, then the rest: brokers that share field names need one order (Redis). A propagator
 * may hand a value that no broker client accepts, or an empty one that only costs bytes: those are left out.
 */
function inOrder(written: Readonly<Record<string, unknown>>): Record<string, string> {
  const fields: Record<string, string> = {}
  for (const name of ORDER) {
    const value = written[name]
    if (isText(value) && (name !== 'tracestate' || value.length <= 512)) fields[name] = value
  }
  for (const name in written) {
    const value = written[name]
    if (!ORDER.includes(name as (typeof ORDER)[number]) && isText(value)) fields[name] = value
  }
  return fields
}

function isText(value: unknown): value is string {
  return typeof value === 'string' && value !== ''
}

/** The JS propagator writes an invalid traceparent for flags above 0x0f, which the next hop would reject. */
function withDefinedFlags(context: Context): Context {
  const spanContext = trace.getSpanContext(context)
  if (spanContext === undefined || (spanContext.traceFlags & ~DEFINED_FLAGS) === 0) return context
  return trace.setSpanContext(context, { ...spanContext, traceFlags: spanContext.traceFlags & DEFINED_FLAGS })
}

function withCappedBaggage(
  context: Context,
  limits: { readonly allow: readonly string[] | undefined; readonly maxBytes: number },
  log: DiagLogger,
): Context {
  const active = propagation.getBaggage(context)
  if (active === undefined) return context
  const baggage = withinBytes(allowedBaggage(active, limits.allow), limits.maxBytes)
  if (baggage.omitted > 0) {
    const message = `${baggage.omitted} members of baggage left out: over ${limits.maxBytes} bytes together (maxBaggageBytes), ${MAX_MEMBER_BYTES} bytes each or ${MAX_MEMBERS} in number, or no well-formed text`
    reportDropped(log, 'size', baggage.omitted, message)
  }
  if (baggage.kept === active) return context
  return baggage.kept === undefined
    ? propagation.deleteBaggage(context)
    : propagation.setBaggage(context, baggage.kept)
}

/** Limits of the W3C baggage propagator for JavaScript, which leaves out what is beyond them without a word. */
const MAX_MEMBER_BYTES = 4096
const MAX_MEMBERS = 180

/** The first members that fit; the size is that of the percent-encoded `key=value` pairs and their commas. */
function withinBytes(
  baggage: Baggage | undefined,
  maxBytes: number,
): { kept: Baggage | undefined; omitted: number } {
  const entries = baggage?.getAllEntries() ?? []
  let bytes = 0
  const kept: typeof entries = []
  for (const [key, entry] of entries) {
    const size = sizeOf(key, entry)
    if (bytes + size > maxBytes + 1 || size > MAX_MEMBER_BYTES + 1 || kept.length === MAX_MEMBERS) continue
    bytes += size
    kept.push([key, entry])
  }
  if (kept.length === entries.length) return { kept: baggage, omitted: 0 }
  return {
    kept: kept.length === 0 ? undefined : propagation.createBaggage(Object.fromEntries(kept)),
    omitted: entries.length - kept.length,
  }
}

function sizeOf(key: string, { value, metadata }: BaggageEntry): number {
  try {
    const encoded = encodeURIComponent(key).length + encodeURIComponent(value).length
    return encoded + 2 + (metadata?.toString().length ?? 0)
  } catch {
    // Half a surrogate pair cannot be percent-encoded: the propagator would throw at it, and nothing would be written.
    return Infinity
  }
}

/** What a message says about where it comes from. */
export interface Extracted {
  /** The root context with what the message carried; nothing of whatever was active in the consumer. */
  readonly context: Context
  /** Where the message was created; `undefined` without a valid trace context. */
  readonly creation: SpanContext | undefined
  /** Why `creation` is missing. */
  readonly missing: 'no_carrier' | 'malformed' | undefined
  /** `creation` tells where the journey began: it is to be linked, and never a parent. Default false. */
  readonly linkOnly?: boolean | undefined
  readonly waybill: Partial<Waybill>
}

/**
 * Reads a carrier. Never throws: what cannot be read is missing.
 *
 * @param known the `waybill` field, if it is read already
 * @param foreign what is read where the propagator finds nothing. Default: nothing
 */
export function extract<C>(
  carrier: C,
  getter: TextMapGetter<C>,
  propagator: TextMapPropagator,
  now: number,
  log: DiagLogger,
  known?: Partial<Waybill>,
  foreign?: ForeignOptions,
): Extracted {
  let context = ROOT_CONTEXT
  try {
    context = propagator.extract(ROOT_CONTEXT, carrier, getter)
  } catch (error) {
    reportFault(log, 'propagator.extract()', error)
  }
  const creation = validContext(trace.getSpanContext(context))
  const waybill = known ?? parseWaybill(read(carrier, getter, WAYBILL_FIELD, log), now)
  if (creation !== undefined) return { context, creation, missing: undefined, waybill }
  const carriesSomething = propagator
    .fields()
    .some(
      (name) => name !== 'baggage' && name !== 'tracestate' && read(carrier, getter, name, log) !== undefined,
    )
  const missing = carriesSomething ? 'malformed' : 'no_carrier'
  const other =
    foreign &&
    safely(log, 'reading a carrier', undefined, () =>
      readForeignContext(carrier, getter, propagator, foreign),
    )
  if (other === undefined) return { context, creation, missing, waybill }
  // A new trace all the same, and it says why.
  if (other.linkOnly) return { context, creation: other.context, missing, waybill, linkOnly: true }
  return {
    context: trace.setSpanContext(context, other.context),
    creation: other.context,
    missing: undefined,
    waybill,
  }
}

function read<C>(carrier: C, getter: TextMapGetter<C>, name: string, log: DiagLogger): string | undefined {
  try {
    return getter.get(carrier, name) as string | undefined
  } catch (error) {
    reportFault(log, 'reading a carrier', error)
    return undefined
  }
}
