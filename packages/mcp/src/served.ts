import {
  context as contextApi,
  createContextKey,
  propagation,
  SpanKind,
  trace,
  type Attributes,
  type Baggage,
  type Context,
  type Link,
  type Span,
  type SpanContext,
} from '@opentelemetry/api'
import {
  ATTR_ROOT_REASON,
  contextWithBaggage,
  extract,
  NO_SPAN,
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
import { outcomeAttributes, recordOutcome, type Outcome } from './outcome.ts'
import { instrumentsOf } from './metrics.ts'
import { creationAttributes, recordOf, spanName, type RequestFacts } from './request.ts'

/** What is known of an incoming request or notification. */
export interface Arrival {
  readonly facts: RequestFacts
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

/** Reads and judges the context that a message brings. Never throws. */
export function originOf(settings: Settings, signals: Signals, arrival: Arrival): Origin {
  const { log, options } = settings.telemetry
  const { method, name } = arrival.facts
  const extracted = contextIn(settings, signals, arrival.carriers)
  // A throwing hook must not let an untrusted context in.
  const trust = safely<Trust>(log, 'options.trust()', 'link', () =>
    settings.trustOf({ ...arrival.info, method, name }),
  )
  const creation = trust === 'ignore' ? undefined : extracted.creation
  const around = arrival.ambient === undefined ? undefined : recordingSpan(arrival.ambient)
  if (creation !== undefined && trust === 'continue') {
    const base = contextWithBaggage(trust, extracted.context, options.acceptBaggage)
    const links = around === undefined || isSame(around, creation) ? [] : [{ context: around.spanContext() }]
    return {
      parent: trace.setSpanContext(base, creation),
      creation,
      links,
      rootReason: undefined,
      isChild: true,
    }
  }
  if (around !== undefined && trust === 'continue') {
    // The peer carries nothing, but its HTTP client may have: then the span of the HTTP request is the parent.
    const base = contextWithBaggage(trust, arrival.ambient as Context, options.acceptBaggage)
    return { parent: trace.setSpan(base, around), creation, links: [], rootReason: undefined, isChild: true }
  }
  const sources = [creation, around?.spanContext()].filter((source) => source !== undefined)
  const rootReason = trust === 'continue' ? extracted.missing : 'untrusted'
  log.debug(`${spanName(arrival.facts)}: new trace (${rootReason})`)
  return {
    parent: contextWithBaggage(trust, extracted.context, options.acceptBaggage),
    creation,
    links: sources.map((context) => ({ context })),
    rootReason,
    isChild: false,
  }
}

function contextIn(settings: Settings, signals: Signals, carriers: Arrival['carriers']): Extracted {
  const { telemetry } = settings
  const read = (carrier: Meta | undefined): Extracted =>
    extract(carrier, recordGetter, signals.propagator, telemetry.now(), telemetry.log)
  const first = read(carriers[0])
  if (first.creation !== undefined) return first
  for (const carrier of carriers.slice(1)) {
    const found = carrier === undefined ? first : read(carrier)
    if (found.creation !== undefined) return found
  }
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

/** A request being handled: a SERVER span that ends exactly once. */
export interface Serving {
  /** What the handler is to run in. */
  readonly context: Context
  readonly span: Span
  /** @param attributes what is known of the connection only now, for spans and points */
  end(outcome: Outcome, attributes?: Attributes): void
}

/** Starts the span of an incoming request. Never throws. */
export function beginServing(
  settings: Settings,
  signals: Signals,
  arrival: Arrival,
  boundedName: (name: string) => string,
  details: () => Attributes,
): Serving {
  const { log } = settings.telemetry
  const { facts } = arrival
  const origin = originOf(settings, signals, arrival)
  const started = performance.now()
  const span = safely(log, 'starting a server span', NO_SPAN, () => {
    const attributes = creationAttributes(facts)
    if (origin.rootReason !== undefined) attributes[ATTR_ROOT_REASON] = origin.rootReason
    return signals.tracer.startSpan(
      spanName(facts),
      { kind: SpanKind.SERVER, attributes, links: origin.links },
      origin.parent,
    )
  })
  if (span.isRecording())
    safely(log, 'describing a server span', undefined, () => {
      span.setAttributes(details())
    })
  const context = span === NO_SPAN ? origin.parent : trace.setSpan(origin.parent, span)
  const handled: HandledRequest = {
    facts,
    creation: origin.creation,
    baggage: propagation.getBaggage(origin.parent),
  }
  let ended = false
  return {
    context: context.setValue(REQUEST_KEY, handled),
    span,
    end(outcome, attributes = {}) {
      if (ended) return
      ended = true
      safely(log, 'ending a server span', undefined, () => {
        try {
          recordOutcome(span, outcome)
        } finally {
          span.end()
        }
        const bounded = {
          method: boundedName(facts.method),
          name: facts.name === undefined ? undefined : boundedName(facts.name),
        }
        instrumentsOf(signals).operation.server.record((performance.now() - started) / 1000, {
          ...creationAttributes(bounded),
          ...attributes,
          ...outcomeAttributes(outcome),
        })
      })
    },
  }
}

/** What the handler of a notification runs in: its own context, else that of the request that it is about, else none. */
export function notificationContext(
  settings: Settings,
  signals: Signals,
  arrival: Arrival,
  related: Context | undefined,
): Context {
  const origin = originOf(settings, signals, arrival)
  return origin.isChild ? origin.parent : (related ?? origin.parent)
}

/** The context of whatever HTTP request is being handled right now. */
export function ambientOf(isHttp: boolean): Context | undefined {
  return isHttp ? contextApi.active() : undefined
}
