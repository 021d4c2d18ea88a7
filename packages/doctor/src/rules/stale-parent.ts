// R2: a delivery that hangs in somebody else's trace. No count of orphans shows it.
import { append } from '../model/grouping.ts'
import { isDetached, type Delivery, type Unpaired } from '../model/hops.ts'
import { isPoll, sentUnder } from '../model/message.ts'
import { ancestors, isOrphan, type Span } from '../model/span.ts'
import type { Level } from '../settings.ts'
import { isRestart } from './context-lost.ts'
import { fixOfStale } from './fixes.ts'
import { plural, short, type Case } from './finding.ts'
import { hopOf, ifComplete, type Scene } from './scene.ts'

/** So many messages under one span that had ended: no accident. */
const MANY = 3

/** OTLP's flags: whether the next bit means something, and whether the parent came by wire. */
const HAS_REMOTE = 0x100
const IS_REMOTE = 0x200

/** Deliveries whose own send is known, and which hang in another trace. */
export function* staleByIdentity(scene: Scene, unconnected: readonly Delivery[]): Generator<Case> {
  const open = openAround(unconnected.map(({ consumer }) => consumer.span))
  for (const { consumer, producer, id } of unconnected) {
    const { span } = consumer
    if (isDetached(span) || isRestart(scene, consumer)) continue
    const above = ancestors(span)
    const holder = holderOf(span)
    const orphaned = isOrphan(above.at(-1) ?? span)
    const level: Level = orphaned
      ? ifComplete(scene, 'probable')
      : holder !== undefined && open.has(holder)
        ? 'probable'
        : 'certain'
    yield caseOf(scene, { consumer, producer, id, holder, level, otherTrace: producer.span.traceId })
  }
}

/** Without a known send: many messages under one span of the same service that ended, or began, too early. */
export function* staleWithoutIdentity(scene: Scene, unpaired: readonly Unpaired[]): Generator<Case> {
  const byHolder = new Map<Span, Unpaired[]>()
  for (const one of unpaired) {
    const { span } = one.consumer
    if (isDetached(span) || isRestart(scene, one.consumer) || span.links.length > 0) continue
    const holder = holderOf(span)
    // A context that came by wire is the message's own; only its send span is missing.
    if (holder === undefined || holder.service !== span.service || isRemote(span)) continue
    append(byHolder, holder, one)
  }
  for (const [holder, all] of byHolder) {
    const identities = new Set(all.map(({ consumer }) => consumer.ids.join() || consumer.span.spanId))
    const late = all.filter(
      ({ consumer, sends }) =>
        holder.end < consumer.span.start || sends.some((send) => send.span.start > holder.start),
    )
    if (identities.size < MANY || late.length < MANY) continue
    const open = all.every(({ consumer }) => holder.end >= consumer.span.end)
    for (const { consumer, sends } of late) {
      const producer = sends.findLast((send) => send.span.start <= consumer.span.start)
      const level: Level = open || producer === undefined ? ifComplete(scene, 'probable') : 'certain'
      yield caseOf(scene, { consumer, producer, id: consumer.ids[0], holder, level, otherTrace: undefined })
    }
  }
}

interface Stale {
  readonly consumer: Delivery['consumer']
  readonly producer: Delivery['producer'] | undefined
  readonly id: string | undefined
  readonly holder: Span | undefined
  readonly level: Level
  readonly otherTrace: string | undefined
}

function caseOf(scene: Scene, { consumer, producer, id, holder, level, otherTrace }: Stale): Case {
  const { span } = consumer
  const hop = hopOf(producer, consumer)
  const where =
    holder === undefined ? 'a span that is not in the export' : `'${holder.name}' of ${holder.service}`
  scene.named.add(span)
  return {
    rule: 'MQ-STALE-PARENT',
    level,
    hop,
    aspect: holder?.name ?? '',
    message: (count) =>
      `${plural(count, 'message')} on ${sentUnder(consumer)[0]} ${count === 1 ? 'was' : 'were'} processed under ${where}: the callback runs in a captured context`,
    fix: fixOfStale(hop),
    evidence: {
      traces: otherTrace === undefined ? [span.traceId] : [otherTrace, span.traceId],
      spans: [...(producer ? [producer.span.spanId] : []), span.spanId, ...(holder ? [holder.spanId] : [])],
      ...(id !== undefined && { messageId: id }),
      text:
        otherTrace === undefined
          ? `message ${id ?? '?'} hangs in trace ${short(span.traceId)}`
          : `message ${id ?? '?'} was sent in trace ${short(otherTrace)} and processed in ${short(span.traceId)}, which is not its own`,
    },
  }
}

/** What holds the captured context: the first span above that is more than polling. */
function holderOf(span: Span): Span | undefined {
  const above = ancestors(span)
  return above.find((one) => !isPoll(one)) ?? above.at(-1)
}

/** Spans that were open around all of their deliveries: a run that was opened for them on purpose. */
function openAround(spans: readonly Span[]): Set<Span> {
  const open = new Map<Span, boolean>()
  for (const span of spans) {
    const holder = holderOf(span)
    if (holder === undefined) continue
    const around = holder.ended && holder.start <= span.start && holder.end >= span.end
    open.set(holder, (open.get(holder) ?? true) && around)
  }
  return new Set([...open].filter(([, around]) => around).map(([span]) => span))
}

function isRemote({ flags }: Span): boolean {
  return (flags & HAS_REMOTE) !== 0 && (flags & IS_REMOTE) !== 0
}
