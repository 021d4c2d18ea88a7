import {
  context as contextApi,
  ROOT_CONTEXT,
  SpanKind,
  trace,
  type Attributes,
  type Context,
  type DiagLogger,
  type HrTime,
  type Link,
  type Span,
  type SpanContext,
  type TextMapGetter,
  type Tracer,
} from '@opentelemetry/api'
import { seriesAttributes, spanAttributes } from './attributes.ts'
import { labelOf, type Destination } from './destination.ts'
import { safely } from './diag.ts'
import { recordFailure, withFailure, type Ending } from './failure.ts'
import { withJourney } from './journey.ts'
import type { MessageInfo } from './options.ts'
import { extract, type Extracted } from './propagation.ts'
import {
  ATTR_BROKER_WAIT,
  ATTR_CLIENT_ID,
  ATTR_CLIENT_WAIT,
  ATTR_CONSUMER_GROUP,
  ATTR_CONVERSATION_ID,
  ATTR_DELIVERY_ATTEMPT,
  ATTR_DELIVERY_OUTCOME,
  ATTR_LOCAL_WAIT,
  ATTR_MESSAGE_AGE,
  ATTR_MESSAGE_ID,
  ATTR_OPERATION_TYPE,
  ATTR_RECEIVE_LATENCY,
  ATTR_RETRY_COUNT,
  ATTR_ROOT_REASON,
  ATTR_SCHEDULED_DELAY,
  ATTR_TRANSIT_CLOCK,
  ATTR_TRANSIT_RESOLUTION,
  ATTR_TRANSIT_TIME,
  ATTR_TRANSIT_UNKNOWN,
} from './semconv.ts'
import { seriesWith } from './series.ts'
import { settle } from './settle.ts'
import { NO_SPAN } from './spans.ts'
import type { Signals, Telemetry } from './telemetry.ts'
import { splitOf, transitOf, type Eligibility, type Stages, type Transit } from './transit.ts'
import { contextWithBaggage, type Relation, type RootReason, type Trust } from './trust.ts'
import type { Waybill } from './waybill.ts'

/** How a broker's message was settled. */
export type Outcome = 'ack' | 'nack' | 'reject' | 'requeue' | 'dead_lettered' | 'channel_closed' | 'abandoned'

/** What an adapter says about one delivered message. */
export interface Incoming<C = unknown> extends Eligibility {
  /** The client's own name of the operation: `process`, `consume`, `get`. */
  readonly operation: string
  /** `process` (default) gives a CONSUMER span, `receive` a CLIENT span. */
  readonly operationType?: 'process' | 'receive' | undefined
  /**
   * `performance.now()` at which the operation began, where its span can only be made afterwards: a fetch knows its
   * message when it has it. The wait ends all the same when the message is there. Default: now.
   */
  readonly since?: number | undefined
  /** A receive span has timed and counted this delivery already: only the work on it is recorded. Default false. */
  readonly received?: boolean | undefined
  readonly destination: Destination
  readonly carrier: C
  readonly getter: TextMapGetter<C>
  /** Number of this delivery, from 1; left out where the client cannot tell. */
  readonly attempt?: number | undefined
  readonly messageId?: string | undefined
  /** What kind of message this is to the application, where it names it (BullMQ: the job's name). */
  readonly messageName?: string | undefined
  readonly conversationId?: string | undefined
  readonly group?: string | undefined
  readonly clientId?: string | undefined
  /** The adapter's default where the user gave none. Default `parent`. */
  readonly relation?: Relation | undefined
  /** Set where a new trace is meant, e.g. an iteration of a scheduler. The creation context is linked. */
  readonly rootReason?: RootReason | undefined
  /** Further spans that this one is about, e.g. the attempt before. */
  readonly links?: readonly Link[] | undefined
  /** A further attempt whose wait is known: it has its span, but the histograms are of first deliveries. Default false. */
  readonly retried?: boolean | undefined
  /** False: the wait is in the metric and on the Process span only, where many messages would crowd one trace. */
  readonly transitSpan?: boolean | undefined
  /**
   * Where the message has been, for the split of its wait; asked for only if the span is recorded, with what the producer
   * wrote into the `waybill` field (nothing, if it is not believed).
   */
  readonly stages?: ((waybill: Partial<Waybill>) => Stages) | undefined
  /** The system's own attributes; asked for only if the span is recorded. */
  readonly details?: (() => Attributes) | undefined
}

/** How processing ended. Without `failure` and `errorType` it succeeded. */
export interface ProcessResult extends Ending {
  readonly outcome?: Outcome | undefined
  readonly attributes?: Attributes | undefined
  /** `performance.now()` at which the handler was done, where the client settles before it says so. Default: now. */
  readonly ended?: number | undefined
}

/** A message being handled: one span that ends exactly once. */
export interface Processing {
  /** The root context with the message's baggage and the Process span: what the handler is to run in. */
  readonly context: Context
  readonly span: Span
  /** Ends the span and records the metrics of this delivery. Later calls do nothing. */
  end(result?: ProcessResult): void
}

/** What core has decided about one delivered message: where it comes from, and how far that is believed. */
export interface Judged {
  readonly incoming: Incoming
  readonly extracted: Extracted
  readonly trust: Trust
  readonly relation: Relation
}

/** A message that reached user code, and how long it waited for that. */
export interface Arrival extends Judged {
  readonly transit: Transit
}

/** Reads and judges one delivered message. Never throws. */
export function judge(telemetry: Telemetry, signals: Signals, incoming: Incoming): Judged {
  const { log, options } = telemetry
  const extracted = extract(incoming.carrier, incoming.getter, signals.propagator, telemetry.now(), log)
  // A throwing hook must not let an untrusted context in.
  const trust = decide<Trust>(log, 'options.trust()', options.trust, 'link', incoming)
  const relation = decide<Relation>(
    log,
    'options.relation()',
    options.relation ?? incoming.relation ?? 'parent',
    'parent',
    incoming,
  )
  return { incoming, extracted, trust, relation }
}

/** What an option says of a message, be it a value or a function of the message. */
function decide<T extends string>(
  log: DiagLogger,
  what: string,
  option: T | ((message: MessageInfo) => T),
  fallback: T,
  { destination, messageId, messageName, attempt }: Incoming,
): T {
  if (typeof option !== 'function') return option
  const info: MessageInfo = { destination: destination.name, messageId, messageName, attempt }
  return safely(log, what, fallback, () => option(info))
}

/** The wait of a message that reaches user code at `now`, epoch ms. */
export function arrive(judged: Judged, now: number): Arrival {
  // What an untrusted sender stamped is as little believed as its trace context.
  const sent = judged.trust === 'continue' ? judged.extracted.waybill.sent : undefined
  return { ...judged, transit: transitOf(judged.incoming, sent, now, judged.extracted.waybill.sent) }
}

/** Starts the span of one delivered message; `undefined` if no SDK is registered. Never throws. */
export function beginProcess(telemetry: Telemetry, incoming: Incoming): Processing | undefined {
  const signals = telemetry.signals()
  if (signals === undefined) return undefined
  return beginJudged(telemetry, signals, judge(telemetry, signals, incoming))
}

/** `beginProcess` for a message that has been judged already, such as one of a batch. */
export function beginJudged(telemetry: Telemetry, signals: Signals, judged: Judged): Processing {
  const { log } = telemetry
  const { incoming, extracted, trust } = judged
  const base = safely(log, 'reading baggage', ROOT_CONTEXT, () =>
    contextWithBaggage(trust, extracted.context, telemetry.options.acceptBaggage),
  )
  const begin = safely(log, 'preparing a process span', undefined, () => spanOf(telemetry, judged, base))
  // The wait ends where the span starts, so nothing may come between the two.
  const reached = telemetry.now()
  const started = incoming.since ?? performance.now()
  const span = safely(log, 'starting a process span', NO_SPAN, () => begin?.(signals.tracer) ?? NO_SPAN)
  // Not earlier than the start that the SDK took: a span of an instant would end before it began.
  const startedAt = Date.now()
  const arrival = arrive(judged, reached)
  if (incoming.received !== true) recordTransit(telemetry, signals, arrival)
  if (span.isRecording())
    safely(log, 'describing a process span', undefined, () => {
      describe(telemetry, span, arrival, reached)
    })
  let context = span === NO_SPAN ? base : trace.setSpan(base, span)
  const { origin, sent } = extracted.waybill
  if (trust === 'continue')
    context = withJourney(context, {
      origin: origin ?? sent,
      creation: extracted.creation,
      carrier: incoming.carrier,
      attempt: incoming.attempt,
      destination: incoming.destination,
    })
  return new OpenProcessing(telemetry, signals, incoming, context, span, started, startedAt)
}

/** A class, and internal: of thousands of messages in flight each keeps only this much. */
class OpenProcessing implements Processing {
  readonly #telemetry: Telemetry
  readonly #signals: Signals
  readonly #incoming: Incoming
  readonly #started: number
  readonly #startedAt: number
  #ended = false
  readonly context: Context
  readonly span: Span

  constructor(
    telemetry: Telemetry,
    signals: Signals,
    incoming: Incoming,
    context: Context,
    span: Span,
    started: number,
    startedAt: number,
  ) {
    this.#telemetry = telemetry
    this.#signals = signals
    this.#incoming = incoming
    this.context = context
    this.span = span
    this.#started = started
    this.#startedAt = startedAt
  }

  end(result: ProcessResult = {}): void {
    if (this.#ended) return
    this.#ended = true
    safely(this.#telemetry.log, 'ending a process span', undefined, () => {
      const milliseconds = (result.ended ?? performance.now()) - this.#started
      const endTime = result.ended === undefined ? undefined : hrTime(this.#startedAt + milliseconds)
      endSpan(this.span, result, endTime)
      const count = this.#incoming.received === true ? 0 : 1
      measure(this.#telemetry, this.#signals, this.#incoming, milliseconds / 1000, result, count)
    })
  }
}

/**
 * Runs the handler of one message: extract, trust, transit, span, the handler in the message's context, end. The
 * adapter's whole consumer side, where the broker has no settlement of its own.
 *
 * @param handler makes the user's call; its result, or the very value that it throws, is passed on
 */
export function process<T>(telemetry: Telemetry, incoming: Incoming, handler: () => T): T {
  const processing = beginProcess(telemetry, incoming)
  if (processing === undefined) return handler()
  return settle(
    () => contextApi.with(processing.context, handler),
    (failure) => {
      processing.end({ failure })
    },
  )
}

/** All that the span of a message needs, so that starting it is one call. */
function spanOf(telemetry: Telemetry, judged: Judged, base: Context): (tracer: Tracer) => Span {
  const { incoming, extracted, trust, relation } = judged
  const creation = trust === 'ignore' ? undefined : extracted.creation
  const isChild =
    creation !== undefined &&
    trust === 'continue' &&
    relation === 'parent' &&
    incoming.rootReason === undefined
  const attributes = creationAttributes(telemetry, incoming)
  if (!isChild) {
    const reason = incoming.rootReason ?? (trust === 'continue' ? extracted.missing : 'untrusted')
    if (reason !== undefined) attributes[ATTR_ROOT_REASON] = reason
    telemetry.log.debug(
      `${incoming.operation} ${incoming.destination.name}: new trace (${reason ?? 'relation: link'})`,
    )
  }
  const links: Link[] = [
    ...(creation === undefined ? [] : [{ context: creation }]),
    ...(incoming.links ?? []),
  ]
  const kind = incoming.operationType === 'receive' ? SpanKind.CLIENT : SpanKind.CONSUMER
  const startTime =
    incoming.since === undefined ? undefined : new Date(Date.now() - (performance.now() - incoming.since))
  const name = `${incoming.operation} ${labelOf(incoming.destination)}`
  const options = { kind, attributes, links, ...(startTime && { startTime }) }
  const parent = isChild ? parentOf(telemetry, extracted.context, base, creation) : base
  return (tracer) => tracer.startSpan(name, options, parent)
}

/** The context that a Process span is started in as a child: what samplers and span processors are shown. */
function parentOf(telemetry: Telemetry, extracted: Context, base: Context, creation: SpanContext): Context {
  // Unless baggage was held back, what the propagator made is just that context.
  return telemetry.options.acceptBaggage === undefined ? extracted : trace.setSpanContext(base, creation)
}

/** What samplers want to know, given at span creation. */
export function creationAttributes(
  telemetry: Telemetry,
  incoming: Omit<Incoming, 'carrier' | 'getter' | 'times'>,
): Attributes {
  const attributes = spanAttributes(telemetry, incoming.operation, incoming.destination)
  attributes[ATTR_OPERATION_TYPE] = incoming.operationType ?? 'process'
  if (incoming.group !== undefined) attributes[ATTR_CONSUMER_GROUP] = incoming.group
  if (incoming.clientId !== undefined) attributes[ATTR_CLIENT_ID] = incoming.clientId
  return attributes
}

function describe(telemetry: Telemetry, span: Span, arrival: Arrival, now: number): void {
  const { incoming, transit } = arrival
  if (incoming.messageId !== undefined) span.setAttribute(ATTR_MESSAGE_ID, incoming.messageId)
  if (incoming.conversationId !== undefined) span.setAttribute(ATTR_CONVERSATION_ID, incoming.conversationId)
  if (incoming.attempt !== undefined) span.setAttribute(ATTR_DELIVERY_ATTEMPT, incoming.attempt)
  if (incoming.received !== true) {
    describeTransit(span, transit)
    describeSplit(span, arrival, now)
  }
  if (telemetry.options.aliases) describeAliases(span, arrival)
  if (incoming.details !== undefined) span.setAttributes(incoming.details())
}

/** The parts of a first delivery's wait. Where the whole is unknown so are they, but for clocks that disagree. */
function describeSplit(span: Span, { incoming, extracted, trust, transit }: Arrival, now: number): void {
  if (incoming.stages === undefined || transit.kind === 'unknown') return
  const waybill = trust === 'continue' ? extracted.waybill : {}
  const { client, broker, local } = splitOf(incoming.stages(waybill), waybill.sent, now)
  if (client !== undefined) span.setAttribute(ATTR_CLIENT_WAIT, client / 1000)
  if (broker !== undefined) span.setAttribute(ATTR_BROKER_WAIT, broker / 1000)
  if (local !== undefined) span.setAttribute(ATTR_LOCAL_WAIT, local / 1000)
}

function describeTransit(span: Span, transit: Transit): void {
  if (transit.kind === 'skew') return
  if (transit.kind === 'unknown') span.setAttribute(ATTR_TRANSIT_UNKNOWN, transit.reason)
  else {
    span.setAttribute(ATTR_TRANSIT_TIME, (transit.to - transit.from) / 1000)
    if (transit.resolution !== undefined)
      span.setAttribute(ATTR_TRANSIT_RESOLUTION, transit.resolution / 1000)
  }
  if (transit.age !== undefined) span.setAttribute(ATTR_MESSAGE_AGE, transit.age / 1000)
}

/** The same facts under names that a backend reads already. */
function describeAliases(span: Span, { incoming, transit }: Arrival): void {
  if (transit.kind === 'known') span.setAttribute(ATTR_RECEIVE_LATENCY, transit.to - transit.from)
  if (incoming.attempt !== undefined) span.setAttribute(ATTR_RETRY_COUNT, incoming.attempt - 1)
}

/** Records the wait of one message: histogram points always, a span where the trace is sampled and believed. */
export function recordTransit(telemetry: Telemetry, signals: Signals, arrival: Arrival): void {
  safely(telemetry.log, 'recording transit', undefined, () => {
    const { incoming, extracted, transit } = arrival
    if (transit.kind === 'unknown') return
    const { destination, group } = incoming
    const attributes = seriesAttributes(telemetry, signals, 'transit', destination, group)
    if (transit.kind === 'skew') {
      signals.instruments.clockSkew.add(1, attributes)
      return
    }
    const { resolution } = transit
    if (incoming.retried !== true) {
      signals.instruments.transitDuration.record(
        (transit.to - transit.from) / 1000,
        resolution === undefined
          ? attributes
          : { ...attributes, [ATTR_TRANSIT_RESOLUTION]: resolution / 1000 },
      )
      const { origin } = extracted.waybill
      if (arrival.trust === 'continue' && origin !== undefined && origin <= transit.to)
        signals.instruments.journeyDuration.record((transit.to - origin) / 1000, attributes)
    }
    // A trace that is meant to be new is not to grow the old one: a scheduler's first add would collect a span a tick.
    if (incoming.rootReason !== undefined || incoming.transitSpan === false) return
    const { enabled, minMs, maxMs } = telemetry.options.transitSpan
    const wait = transit.to - transit.from
    if (!enabled || wait < minMs || wait > maxMs || arrival.trust !== 'continue') return
    if (extracted.creation === undefined || (extracted.creation.traceFlags & 1) === 0) return
    transitSpan(telemetry, signals, arrival, extracted.creation, transit)
  })
}

/**
 * The wait as a span: child of the creation context and sibling of Process, so that leaving it out can orphan nothing.
 * INTERNAL, since service graphs would count a second CONSUMER.
 */
function transitSpan(
  telemetry: Telemetry,
  signals: Signals,
  { incoming, extracted }: Arrival,
  creation: SpanContext,
  transit: Transit & { kind: 'known' },
): void {
  const attributes = spanAttributes(telemetry, 'transit', incoming.destination)
  attributes[ATTR_TRANSIT_TIME] = (transit.to - transit.from) / 1000
  if (transit.clock !== undefined) attributes[ATTR_TRANSIT_CLOCK] = transit.clock
  if (transit.resolution !== undefined) attributes[ATTR_TRANSIT_RESOLUTION] = transit.resolution / 1000
  if (transit.scheduledDelay !== undefined) attributes[ATTR_SCHEDULED_DELAY] = transit.scheduledDelay / 1000
  if (incoming.messageId !== undefined) attributes[ATTR_MESSAGE_ID] = incoming.messageId
  if (incoming.group !== undefined) attributes[ATTR_CONSUMER_GROUP] = incoming.group
  if (incoming.attempt !== undefined) attributes[ATTR_DELIVERY_ATTEMPT] = incoming.attempt
  // Dates, never bare numbers: the SDK reads small numbers as performance time.
  signals.tracer
    .startSpan(
      `transit ${labelOf(incoming.destination)}`,
      { kind: SpanKind.INTERNAL, attributes, startTime: new Date(transit.from) },
      trace.setSpanContext(extracted.context, creation),
    )
    .end(new Date(transit.to))
}

/** Ends a process span with how it went. */
export function endSpan(span: Span, result: ProcessResult, endTime?: HrTime): void {
  try {
    if (!span.isRecording()) return
    if (result.outcome !== undefined) span.setAttribute(ATTR_DELIVERY_OUTCOME, result.outcome)
    if (result.attributes !== undefined) span.setAttributes(result.attributes)
    recordFailure(span, result)
  } finally {
    span.end(endTime)
  }
}

/** Epoch ms, with a fraction, as the SDK takes a time for sure. */
function hrTime(ms: number): HrTime {
  return [Math.trunc(ms / 1000), Math.trunc((ms % 1000) * 1e6)]
}

/** Counts one delivery and the time spent on it. */
export function measure(
  telemetry: Telemetry,
  signals: Signals,
  incoming: Omit<Incoming, 'carrier' | 'getter' | 'times'>,
  seconds: number,
  ending: Ending & Pick<ProcessResult, 'outcome'>,
  count = 1,
): void {
  const { operation, destination, group } = incoming
  const series = seriesAttributes(telemetry, signals, operation, destination, group)
  const attributes = withFailure(series, ending)
  if (incoming.operationType === 'receive') signals.instruments.operationDuration.record(seconds, attributes)
  else signals.instruments.processDuration.record(seconds, attributes)
  if (count === 0) return
  // Each outcome is a series of its own here; how long handlers take is asked of all of them together.
  const { outcome } = ending
  const counted = outcome === undefined ? attributes : seriesWith(attributes, ATTR_DELIVERY_OUTCOME, outcome)
  signals.instruments.consumed.add(count, counted)
}
