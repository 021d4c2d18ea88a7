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
  type SpanOptions,
} from '@opentelemetry/api'
import { judge, arrive, type Judged, type Arrival } from './arrival.ts'
import { seriesAttributes, spanAttributes } from './attributes.ts'
import { labelOf } from './destination.ts'
import { reportFault, safely } from './diag.ts'
import { recordFailure, withFailure, type Ending } from './failure.ts'
import type { Incoming, Outcome } from './incoming.ts'
import { withJourney } from './journey.ts'
import {
  ATTR_CLIENT_ID,
  ATTR_CONSUMER_GROUP,
  ATTR_CONVERSATION_ID,
  ATTR_DELIVERY_ATTEMPT,
  ATTR_DELIVERY_OUTCOME,
  ATTR_MESSAGE_ID,
  ATTR_OPERATION_TYPE,
  ATTR_ROOT_REASON,
} from './semconv.ts'
import { seriesWith } from './series.ts'
import { settle } from './settle.ts'
import { NO_SPAN } from './spans.ts'
import type { Signals, Telemetry } from './telemetry.ts'
import { contextWithBaggage } from './trust.ts'
import { recordTransit, describeTransit, describeSplit, describeAliases } from './wait.ts'
import { originOf } from './waybill.ts'

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
  let base = ROOT_CONTEXT
  let planned: PlannedSpan | undefined
  let series: Attributes | undefined
  let span = NO_SPAN
  try {
    base = contextWithBaggage(trust, extracted.context, telemetry.options.acceptBaggage)
    planned = planSpan(telemetry, judged, base)
    series = seriesOf(telemetry, signals, incoming)
  } catch (error) {
    reportFault(log, 'preparing a process span', error)
  }
  // The wait ends where the span starts, so nothing may come between the two.
  const reached = telemetry.now()
  const started = incoming.since ?? performance.now()
  try {
    if (planned !== undefined) span = signals.tracer.startSpan(planned.name, planned.options, planned.parent)
  } catch (error) {
    reportFault(log, 'starting a process span', error)
  }
  // Not earlier than the start that the SDK took: a span of an instant would end before it began.
  const startedAt = Date.now()
  const arrival = arrive(judged, reached)
  if (incoming.received !== true) recordTransit(telemetry, signals, arrival)
  if (span.isRecording())
    safely(log, 'describing a process span', undefined, () => {
      describe(telemetry, span, arrival, reached)
    })
  let context = span === NO_SPAN ? base : trace.setSpan(base, span)
  if (trust === 'continue')
    context = withJourney(context, {
      origin: originOf(extracted.waybill),
      creation: extracted.creation,
      carrier: incoming.carrier,
      attempt: incoming.attempt,
      destination: incoming.destination,
    })
  return new OpenProcessing(log, signals, incoming, series, context, span, started, startedAt)
}

/**
 * A class, and internal: of thousands of messages in flight each keeps only this much. What its adapter said of it, which
 * holds on to the message and more, is not kept.
 */
class OpenProcessing implements Processing {
  readonly #log: DiagLogger
  readonly #signals: Signals
  readonly #operationType: Incoming['operationType']
  readonly #count: number
  readonly #series: Attributes | undefined
  readonly #started: number
  readonly #startedAt: number
  #ended = false
  readonly context: Context
  readonly span: Span

  constructor(
    log: DiagLogger,
    signals: Signals,
    { operationType, received }: Incoming,
    series: Attributes | undefined,
    context: Context,
    span: Span,
    started: number,
    startedAt: number,
  ) {
    this.#log = log
    this.#signals = signals
    this.#operationType = operationType
    this.#count = received === true ? 0 : 1
    this.#series = series
    this.context = context
    this.span = span
    this.#started = started
    this.#startedAt = startedAt
  }

  end(result: ProcessResult = {}): void {
    if (this.#ended) return
    this.#ended = true
    try {
      const milliseconds = (result.ended ?? performance.now()) - this.#started
      const endTime = result.ended === undefined ? undefined : hrTime(this.#startedAt + milliseconds)
      endSpan(this.span, result, endTime)
      if (this.#series !== undefined)
        measure(this.#signals, this.#operationType, this.#series, milliseconds / 1000, result, this.#count)
    } catch (error) {
      reportFault(this.#log, 'ending a process span', error)
    }
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
interface PlannedSpan {
  readonly name: string
  readonly options: SpanOptions
  readonly parent: Context
}

function planSpan(telemetry: Telemetry, judged: Judged, base: Context): PlannedSpan {
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
  const links: Link[] = creation === undefined ? [] : [{ context: creation }]
  if (incoming.links !== undefined) links.push(...incoming.links)
  const kind = incoming.operationType === 'receive' ? SpanKind.CLIENT : SpanKind.CONSUMER
  const options: SpanOptions = { kind, attributes, links }
  if (incoming.since !== undefined)
    options.startTime = new Date(Date.now() - (performance.now() - incoming.since))
  return {
    name: `${incoming.operation} ${labelOf(incoming.destination)}`,
    options,
    parent: isChild ? parentOf(telemetry, extracted.context, base, creation) : base,
  }
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

/** The attributes of the metric points that tell of these deliveries. */
export function seriesOf(
  telemetry: Telemetry,
  signals: Signals,
  { operation, destination, group }: Pick<Incoming, 'operation' | 'destination' | 'group'>,
): Attributes {
  return seriesAttributes(telemetry, signals, operation, destination, group)
}

/** Counts deliveries and the time spent on them. */
export function measure(
  { instruments }: Signals,
  operationType: Incoming['operationType'],
  series: Attributes,
  seconds: number,
  ending: Ending & Pick<ProcessResult, 'outcome'>,
  count: number,
): void {
  const attributes = withFailure(series, ending)
  if (operationType === 'receive') instruments.operationDuration.record(seconds, attributes)
  else instruments.processDuration.record(seconds, attributes)
  if (count === 0) return
  // Each outcome is a series of its own here; how long handlers take is asked of all of them together.
  const { outcome } = ending
  const counted = outcome === undefined ? attributes : seriesWith(attributes, ATTR_DELIVERY_OUTCOME, outcome)
  instruments.consumed.add(count, counted)
}
