import {
  createContextKey,
  ROOT_CONTEXT,
  trace,
  type Baggage,
  type Context,
  type Link,
  type Span,
  type SpanContext,
} from '@opentelemetry/api'
import {
  contextWithBaggage,
  extract,
  readDatadogContext,
  recordGetter,
  safely,
  type Extracted,
  type RootReason,
  type Signals,
  type Trust,
} from '@waybill/core/adapter'
import { DATADOG_KEY, type Meta } from './meta.ts'
import type { McpRequestInfo, Settings } from './options.ts'
import { recordOf, spanName, type RequestFacts } from './request.ts'

/** What is known of an incoming request or notification. */
export interface Arrival {
  readonly facts: RequestFacts
  /** What a tool is given; content. */
  readonly given?: unknown
  /** Where its context may be, in the order in which they are asked. */
  readonly carriers: readonly (Meta | undefined)[]
  readonly info: Omit<McpRequestInfo, keyof RequestFacts>
  /** The context of the HTTP request that brought it. Whatever else is active was so when the peer connected. */
  readonly ambient?: Context | undefined
}

/** What has been decided about where a message comes from. */
export interface Origin {
  /** The root context with the baggage that is let in, and the parent, if there is one. */
  readonly parent: Context
  readonly creation: SpanContext | undefined
  readonly links: Link[]
  readonly rootReason: RootReason | undefined
  readonly isChild: boolean
}

/** Reads and judges the context that a message brings. Never throws. */
export function originOf(settings: Settings, signals: Signals, arrival: Arrival): Origin {
  const { log, options } = settings.telemetry
  const { method, name } = arrival.facts
  const extracted = contextIn(settings, signals, arrival.carriers)
  // A throwing hook must not let an untrusted context in.
  const trust = safely<Trust>(log, 'options.trust()', 'link', () =>
    settings.trustOf({ ...arrival.info, method, name }),
  )
  const base = (from: Context): Context =>
    safely(log, 'reading baggage', ROOT_CONTEXT, () => contextWithBaggage(trust, from, options.acceptBaggage))
  const creation = trust === 'ignore' ? undefined : extracted.creation
  const around = arrival.ambient === undefined ? undefined : recordingSpan(arrival.ambient)
  const child = { creation, rootReason: undefined, isChild: true }
  if (creation !== undefined && trust === 'continue') {
    const links = around === undefined || isSame(around, creation) ? [] : [{ context: around.spanContext() }]
    return { ...child, parent: trace.setSpanContext(base(extracted.context), creation), links }
  }
  if (around !== undefined && trust === 'continue') {
    // The peer carries nothing, but its HTTP client may have: then the span of the HTTP request is the parent.
    return { ...child, parent: trace.setSpan(base(arrival.ambient as Context), around), links: [] }
  }
  const sources = [creation, around?.spanContext()].filter((source) => source !== undefined)
  const rootReason = trust === 'continue' ? extracted.missing : 'untrusted'
  log.debug(`${spanName(arrival.facts)}: new trace (${rootReason})`)
  return {
    parent: base(extracted.context),
    creation,
    links: sources.map((context) => ({ context })),
    rootReason,
    isChild: false,
  }
}

/** W3C in `_meta`, W3C where others put it, and last what Datadog writes. */
function contextIn({ telemetry }: Settings, signals: Signals, carriers: Arrival['carriers']): Extracted {
  const read = (carrier: Meta | undefined): Extracted =>
    extract(carrier, recordGetter, signals.propagator, telemetry.now(), telemetry.log)
  const first = read(carriers[0])
  if (first.creation !== undefined) return first
  for (const carrier of carriers.slice(1)) {
    const found = carrier === undefined ? first : read(carrier)
    if (found.creation !== undefined) return found
  }
  if (!telemetry.options.foreignCarriers.includes('datadog')) return first
  const datadog = recordOf(carriers[0]?.[DATADOG_KEY])
  if (datadog === undefined) return first
  // It holds W3C fields as well, unless they were switched off there.
  const found = read(datadog)
  const creation =
    found.creation ??
    safely(telemetry.log, 'reading Datadog fields', undefined, () =>
      readDatadogContext(datadog, recordGetter),
    )
  return creation === undefined ? first : { ...found, creation }
}

function recordingSpan(context: Context): Span | undefined {
  const span = trace.getSpan(context)
  return span?.isRecording() === true ? span : undefined
}

function isSame(span: Span, other: SpanContext): boolean {
  const { traceId, spanId } = span.spanContext()
  return traceId === other.traceId && spanId === other.spanId
}

// The API derives a registered symbol from the text, so two copies of this package share the key.
const REQUEST_KEY = createContextKey('waybill.mcp.request')

/** What a handler's context remembers of the request that it handles. */
export interface HandledRequest {
  readonly facts: RequestFacts
  readonly creation: SpanContext | undefined
  /** What it brought of baggage. */
  readonly baggage: Baggage | undefined
}

export function handledIn(context: Context): HandledRequest | undefined {
  return context.getValue(REQUEST_KEY) as HandledRequest | undefined
}

export function withHandled(context: Context, handled: HandledRequest): Context {
  return context.setValue(REQUEST_KEY, handled)
}
