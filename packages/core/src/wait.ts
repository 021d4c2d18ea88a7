import { SpanKind, TraceFlags, type Span } from '@opentelemetry/api'
import type { Arrival } from './arrival.ts'
import { seriesAttributes, spanAttributes } from './attributes.ts'
import { labelOf } from './destination.ts'
import { reportFault } from './diag.ts'
import {
  ATTR_BROKER_WAIT,
  ATTR_CLIENT_WAIT,
  ATTR_CONSUMER_GROUP,
  ATTR_DELIVERY_ATTEMPT,
  ATTR_LOCAL_WAIT,
  ATTR_MESSAGE_AGE,
  ATTR_MESSAGE_ID,
  ATTR_RECEIVE_LATENCY,
  ATTR_RETRY_COUNT,
  ATTR_SCHEDULED_DELAY,
  ATTR_TRANSIT_CLOCK,
  ATTR_TRANSIT_RESOLUTION,
  ATTR_TRANSIT_TIME,
  ATTR_TRANSIT_UNKNOWN,
} from './semconv.ts'
import type { Signals, Telemetry } from './telemetry.ts'
import { splitOf, type Transit } from './transit.ts'

type KnownTransit = Extract<Transit, { kind: 'known' }>

/** Records the wait of one message: histogram points always, a span where the trace is sampled and believed. */
export function recordTransit(telemetry: Telemetry, signals: Signals, arrival: Arrival): void {
  const { transit } = arrival
  if (transit.kind === 'unknown') return
  try {
    measureTransit(telemetry, signals, arrival, transit)
    if (transit.kind === 'known' && hasSpan(telemetry, arrival, transit))
      transitSpan(telemetry, signals, arrival, transit)
  } catch (error) {
    reportFault(telemetry.log, 'recording transit', error)
  }
}

function measureTransit(
  telemetry: Telemetry,
  signals: Signals,
  { incoming, extracted, trust }: Arrival,
  transit: Exclude<Transit, { kind: 'unknown' }>,
): void {
  const { destination, group } = incoming
  const attributes = seriesAttributes(telemetry, signals, 'transit', destination, group)
  if (transit.kind === 'skew') {
    signals.instruments.clockSkew.add(1, attributes)
    return
  }
  if (incoming.retried === true) return
  const { from, to, resolution } = transit
  signals.instruments.transitDuration.record(
    (to - from) / 1000,
    resolution === undefined ? attributes : { ...attributes, [ATTR_TRANSIT_RESOLUTION]: resolution / 1000 },
  )
  const { origin } = extracted.waybill
  if (trust === 'continue' && origin !== undefined && origin <= to)
    signals.instruments.journeyDuration.record((to - origin) / 1000, attributes)
}

/** Whether a wait gets a span of its own: if its trace is believed and sampled, and goes on here. */
function hasSpan(
  { options }: Telemetry,
  { incoming, extracted, trust }: Arrival,
  { from, to }: KnownTransit,
): boolean {
  // A trace that is meant to be new is not to grow the old one: a scheduler's first add would collect a span a tick.
  if (incoming.rootReason !== undefined || incoming.transitSpan === false) return false
  if (extracted.linkOnly === true) return false
  const { enabled, minMs, maxMs } = options.transitSpan
  if (!enabled || to - from < minMs || to - from > maxMs || trust !== 'continue') return false
  return extracted.creation !== undefined && (extracted.creation.traceFlags & TraceFlags.SAMPLED) !== 0
}

/**
 * The wait as a span: child of the creation context and sibling of Process, so that leaving it out can orphan nothing.
 * INTERNAL, since service graphs would count a second CONSUMER.
 */
function transitSpan(
  telemetry: Telemetry,
  signals: Signals,
  { incoming, extracted }: Arrival,
  transit: KnownTransit,
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
      extracted.context,
    )
    .end(new Date(transit.to))
}

/** The parts of a first delivery's wait. Where the whole is unknown so are they, but for clocks that disagree. */
export function describeSplit(
  span: Span,
  { incoming, extracted, trust, transit }: Arrival,
  now: number,
): void {
  if (incoming.stages === undefined || transit.kind === 'unknown') return
  const waybill = trust === 'continue' ? extracted.waybill : {}
  const { client, broker, local } = splitOf(incoming.stages(waybill), waybill.sent, now)
  if (client !== undefined) span.setAttribute(ATTR_CLIENT_WAIT, client / 1000)
  if (broker !== undefined) span.setAttribute(ATTR_BROKER_WAIT, broker / 1000)
  if (local !== undefined) span.setAttribute(ATTR_LOCAL_WAIT, local / 1000)
}

export function describeTransit(span: Span, transit: Transit): void {
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
export function describeAliases(span: Span, { incoming, transit }: Arrival): void {
  if (transit.kind === 'known') span.setAttribute(ATTR_RECEIVE_LATENCY, transit.to - transit.from)
  if (incoming.attempt !== undefined) span.setAttribute(ATTR_RETRY_COUNT, incoming.attempt - 1)
}
