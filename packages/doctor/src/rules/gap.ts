// R8: time in a trace that no span accounts for.
import { attemptOf, isAgent, isHumanStep, saysTransit, scheduledDelay, textFact } from '../model/facts.ts'
import { append } from '../model/grouping.ts'
import type { Delivery } from '../model/hops.ts'
import { TRANSIT_UNKNOWN } from '../model/keys.ts'
import type { Message } from '../model/message.ts'
import { MILLISECOND, SECOND, type Span } from '../model/span.ts'
import { plural, short, type Case } from './finding.ts'
import { hopOf, pairOf, type Scene } from './scene.ts'

/** So long is told even where it is a small part of its trace. */
const LONG = SECOND
/** Why Waybill gives no wait, where the reason accounts for the time: something else came between. */
const EXPLAINED = new Set(['redelivered', 'dead_lettered', 'rescheduled', 'flow_parent', 'replayed'])
const AGENT_AT_LEAST = 500 * MILLISECOND

/** Certain: between a send and its delivery. */
export function* deliveryGap(scene: Scene, explained: Set<Span>): Generator<Case> {
  const transits = transitParents(scene)
  for (const delivery of firstDeliveries(scene)) {
    const { consumer, producer } = delivery
    const { span } = consumer
    const above = span.parent ?? span.parentId
    const known =
      saysTransit(span) || transits.has(producer.span) || (above !== undefined && transits.has(above))
    const reason = textFact(span.facts, [TRANSIT_UNKNOWN])
    if (known || (attemptOf(span) ?? 1) > 1 || (reason !== undefined && EXPLAINED.has(reason))) {
      explained.add(span)
      continue
    }
    if (isDoubtful(scene, producer.span, span)) {
      explained.add(span)
      continue
    }
    const gap = span.start - producer.span.end - Math.max(scheduledDelay(span), scheduledDelay(producer.span))
    if (!isNotable(scene, gap, span.traceId)) continue
    explained.add(span)
    const hop = hopOf(producer, consumer)
    yield {
      rule: 'UNEXPLAINED-GAP',
      level: 'certain',
      hop,
      aspect: 'delivery',
      message: (count) =>
        `${plural(count, 'gap')} between ${hop.producer} and ${hop.consumer} on ${hop.destination} that no span accounts for: most likely time in the queue, but nothing says so${reason === undefined ? '' : ` (${reason})`}`,
      fix: `trace ${hop.destination} with Waybill, which records the wait as a span and as waybill.transit.time`,
      evidence: {
        traces: [span.traceId],
        spans: [producer.span.spanId, span.spanId],
        ...(delivery.id !== undefined && { messageId: delivery.id }),
        text: `${milliseconds(gap)} from the end of '${producer.span.name}' to '${span.name}' in trace ${short(span.traceId)}`,
      },
    }
  }
}

/** The first delivery of each send to each reader: later ones are other attempts, whose wait began elsewhere. */
function* firstDeliveries({ hops }: Scene): Generator<Delivery> {
  // Deliveries come in order of time; nearly always a send has one.
  const seen = new Map<Message, Delivery | Delivery[]>()
  for (const delivery of hops.deliveries) {
    if (!delivery.connected) continue
    const earlier = seen.get(delivery.producer)
    if (earlier === undefined) seen.set(delivery.producer, delivery)
    else {
      const all = Array.isArray(earlier) ? earlier : [earlier]
      if (delivery.id !== undefined && all.some((one) => isSameReader(one, delivery))) continue
      all.push(delivery)
      seen.set(delivery.producer, all)
    }
    yield delivery
  }
}

function isSameReader(a: Delivery, b: Delivery): boolean {
  return (
    a.id === b.id &&
    a.consumer.group === b.consumer.group &&
    a.consumer.span.service === b.consumer.span.service
  )
}

/** Times that prove nothing. */
function isDoubtful({ skewed }: Scene, producer: Span, consumer: Span): boolean {
  return producer.adjusted || consumer.adjusted || !producer.ended || skewed.has(pairOf(producer, consumer))
}

function isNotable({ model, settings }: Scene, gap: number, traceId: string): boolean {
  if (gap >= LONG) return true
  if (gap < settings.gapMs * MILLISECOND || gap <= 0) return false
  const spans = model.traces.get(traceId) ?? []
  return gap >= ((endOf(spans) - (spans[0]?.start ?? 0)) * settings.gapPercent) / 100
}

const ends = new WeakMap<readonly Span[], number>()

function endOf(spans: readonly Span[]): number {
  const known = ends.get(spans)
  if (known !== undefined) return known
  let end = Number.NEGATIVE_INFINITY
  for (const span of spans) end = Math.max(end, span.end)
  ends.set(spans, end)
  return end
}

/**
 * What transit spans hang under: a transit span is a sibling of its delivery, or a child of the send where the delivery links
 * it. A parent that is not in the export is known by its id only.
 */
function transitParents({ hops }: Scene): Set<Span | string> {
  return new Set(hops.transits.flatMap((span) => span.parent ?? span.parentId ?? []))
}

/** Probable: a stretch of a trace in which nothing at all is active. Info: an agent that is a black box. */
export function* idleTrace(scene: Scene, explained: ReadonlySet<Span>): Generator<Case> {
  for (const [traceId, spans] of scene.model.traces) {
    yield* idleIn(scene, traceId, spans, explained)
    yield* opaqueAgents(spans)
  }
}

function* idleIn(
  scene: Scene,
  traceId: string,
  spans: readonly Span[],
  explained: ReadonlySet<Span>,
): Generator<Case> {
  const [first] = spans
  if (first === undefined || spans.length < 2) return
  let reached = first
  for (const span of spans) {
    const idle = span.start - reached.end
    const before = reached
    if (span.end > reached.end) reached = span
    if (idle <= 0 || explained.has(span) || !isNotable(scene, idle, traceId)) continue
    if (saysTransit(span) || scheduledDelay(span) > 0 || (attemptOf(span) ?? 1) > 1) continue
    // What hangs in a foreign trace says nothing about it; a span that never ended proves no end.
    if (scene.named.has(span)) continue
    if (span.adjusted || before.adjusted || !before.ended || !first.ended) continue
    if (isSkewed(scene, before, span) || spans.some(isHumanStep)) continue
    yield {
      rule: 'UNEXPLAINED-GAP',
      level: 'probable',
      hop: { producer: before.service, consumer: span.service },
      aspect: 'idle',
      message: (count) =>
        `${plural(count, 'gap')} in which no span of the trace is active, between ${before.service} and ${span.service}`,
      fix: `a span around what ${before.service} or ${span.service} waits for there`,
      evidence: {
        traces: [traceId],
        spans: [before.spanId, span.spanId],
        text: `${milliseconds(idle)} from the end of '${before.name}' to '${span.name}' in trace ${short(traceId)}`,
      },
    }
  }
}

/** In either direction: the later span may be the earlier one. */
function isSkewed({ skewed }: Scene, a: Span, b: Span): boolean {
  return skewed.has(pairOf(a, b)) || skewed.has(pairOf(b, a))
}

function* opaqueAgents(spans: readonly Span[]): Generator<Case> {
  const agents = spans.filter(
    (span) => span.ended && isAgent(span) && span.end - span.start >= AGENT_AT_LEAST,
  )
  if (agents.length === 0) return
  const children = new Map<Span, Span[]>()
  for (const span of spans) if (span.parent !== undefined) append(children, span.parent, span)
  const reach = endsBelow(spans)
  for (const agent of agents) {
    const below = children.get(agent) ?? []
    if (below.some(isHumanStep)) continue
    const length = agent.end - agent.start
    const dark = length - covered(agent, below, reach)
    if (dark * 2 <= length) continue
    yield {
      rule: 'OPAQUE-AGENT-LOOP',
      level: 'info',
      hop: { consumer: agent.service },
      aspect: agent.name,
      message: (count) =>
        `${plural(count, 'run')} of '${agent.name}' in ${agent.service} with over half of the time under no span: the loop of the agent is opaque`,
      fix: `spans for the model and tool calls of '${agent.name}', by its framework's instrumentation`,
      evidence: {
        traces: [agent.traceId],
        spans: [agent.spanId],
        text: `${milliseconds(dark)} of ${milliseconds(length)} in trace ${short(agent.traceId)} are under no child`,
      },
    }
  }
}

/**
 * When the last of what is below each span ended, itself included: an agent that waits for what it has asked of others over a
 * queue is no black box. Where a child starts before its parent by another clock, its end may be missed.
 */
function endsBelow(spans: readonly Span[]): Map<Span, number> {
  const reach = new Map<Span, number>()
  for (const span of spans.toReversed()) {
    const end = Math.max(span.end, reach.get(span) ?? span.end)
    reach.set(span, end)
    if (span.parent !== undefined) reach.set(span.parent, Math.max(end, reach.get(span.parent) ?? end))
  }
  return reach
}

/** Children come in order of start. */
function covered(span: Span, children: readonly Span[], reach: ReadonlyMap<Span, number>): number {
  let sum = 0
  let reached = span.start
  for (const child of children) {
    const end = Math.min(reach.get(child) ?? child.end, span.end)
    sum += Math.max(0, end - Math.max(child.start, reached))
    reached = Math.max(reached, end)
  }
  return sum
}

function milliseconds(micros: number): string {
  const value = micros / MILLISECOND
  return value >= 10 ? `${Math.round(value)} ms` : `${value.toFixed(1)} ms`
}
