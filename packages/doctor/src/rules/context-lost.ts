// R1, R3: a delivery that begins a trace of its own although it was sent in another.
import { attemptOf } from '../model/facts.ts'
import { isDetached, type Delivery, type Unpaired } from '../model/hops.ts'
import { BATCH_COUNT, ROOT_REASON } from '../model/keys.ts'
import type { Message } from '../model/message.ts'
import { numberFact } from '../model/facts.ts'
import { fixOfLoss, fixOfProducer } from './fixes.ts'
import { plural, short, type Case, type Side } from './finding.ts'
import { hopOf, ifComplete, isAtEdge, isSet, type Scene } from './scene.ts'
import { sideOf } from './side.ts'
import { mayBeLinked, unseenLink } from './unseen-link.ts'

/** A new trace that was meant. */
export function isRestart({ settings }: Scene, consumer: Message): boolean {
  const reason = consumer.span.facts[ROOT_REASON]
  return reason === 'untrusted' || reason === 'scheduled' || isSet(settings.restart, consumer)
}

/** BullMQ's schedulers make a job for each iteration; nobody sent it. */
function isScheduled(id: string | undefined): boolean {
  return id !== undefined && id.startsWith('repeat:')
}

/** Certain: identity proves that the delivery was sent in another trace. */
export function* lostByIdentity(scene: Scene, unconnected: readonly Delivery[]): Generator<Case> {
  const healthy = healthyAttempts(scene, unconnected)
  for (const delivery of unconnected) {
    const { consumer, producer, id } = delivery
    if (!isDetached(consumer.span)) continue
    if (isRestart(scene, consumer) || isScheduled(id)) continue
    const hop = hopOf(producer, consumer)
    const isAttempt = healthy.has(attemptKey(delivery))
    const side = sideOf(scene.hops, producer, consumer)
    scene.named.add(consumer.span)
    const traces = [producer.span.traceId, consumer.span.traceId]
    const spans = [producer.span.spanId, consumer.span.spanId]
    const where = { traces, spans, ...(id !== undefined && { messageId: id }) }
    const sentAndProcessed = `${noun(hop.system)} ${id} was sent in trace ${short(traces[0] ?? '')} and processed in ${short(traces[1] ?? '')}`
    if (!isAttempt && mayBeLinked(scene, consumer)) {
      yield unseenLink(hop, { evidence: { ...where, text: sentAndProcessed } })
      continue
    }
    yield {
      rule: 'MQ-CONTEXT-LOST',
      level: isAttempt ? 'info' : 'certain',
      hop,
      side,
      aspect: isAttempt ? 'attempt' : 'message',
      message: (count) =>
        !isAttempt
          ? `context was lost between ${hop.producer} and ${hop.consumer} on ${hop.destination}: ${plural(count, 'message')}${faultOf(side)}`
          : `${plural(count, 'attempt')} of messages on ${hop.destination} lost the context that another attempt of the same message had`,
      fix: fixOfLoss(hop, side),
      evidence: {
        ...where,
        text: !isAttempt
          ? sentAndProcessed
          : `attempt ${attemptOf(consumer.span) ?? '?'} of ${noun(hop.system)} ${id} lost it`,
      },
    }
  }
}

function faultOf(side: Side): string {
  if (side === 'producer') return '; the producer does not inject'
  return side === 'consumer' ? '; the consumer does not extract' : ''
}

function noun(system: string | undefined): string {
  if (system === 'bullmq') return 'job'
  return system === 'redis' ? 'entry' : 'message'
}

/** Attempts of one message: those of one send, since an id may come again for another message. */
function attemptKey({ producer, id, consumer }: Delivery): string {
  return `${producer.span.spanId}\0${id}\0${consumer.group ?? ''}\0${consumer.span.service}`
}

/** Only of sends that have a lost attempt, too. */
function healthyAttempts({ hops }: Scene, lost: readonly Delivery[]): Set<string> {
  const sends = new Set(lost.map(({ producer }) => producer))
  const healthy = new Set<string>()
  for (const delivery of hops.deliveries) {
    if (delivery.connected && delivery.id !== undefined && sends.has(delivery.producer))
      healthy.add(attemptKey(delivery))
  }
  return healthy
}

/** Probable, and R3: roots whose own send is not known. */
export function* lostWithoutIdentity(scene: Scene, unpaired: readonly Unpaired[]): Generator<Case> {
  const traffic = countTraffic(scene)
  for (const { consumer, sends, identified } of unpaired) {
    const { span } = consumer
    if (!isDetached(span) || isRestart(scene, consumer) || consumer.ids.some(isScheduled)) continue
    if (span.links.length > 0) continue
    scene.named.add(span)
    const weight = numberFact(span.facts, BATCH_COUNT) ?? 1
    const shared = { weight, evidence: evidenceOf(consumer) }
    if (sends.length === 0) {
      yield* [producerMissing(scene, consumer, shared)]
      continue
    }
    const earlier = sends.filter((send) => send.span.start <= span.start)
    const producer = earlier.at(-1)
    if (producer === undefined) continue
    const hop = hopOf(producer, consumer)
    if (mayBeLinked(scene, consumer)) {
      yield unseenLink(hop, shared)
      continue
    }
    const seen = traffic.get(consumer.destination)
    const isSampled =
      span.thinned || producer.span.thinned || (seen !== undefined && seen.processed > 1.5 * seen.sent)
    const isUnsure = identified || isSampled || isAtEdge(scene, span.start, 'start')
    const why =
      identified || isSampled ? 'its own send is not in the export: sampled out, or outside the window' : ''
    const side = sideOf(scene.hops, producer, consumer)
    yield {
      rule: 'MQ-CONTEXT-LOST',
      level: isUnsure ? 'info' : ifComplete(scene, 'probable'),
      hop,
      side,
      aspect: why,
      message: (count) =>
        why === ''
          ? `${plural(count, 'message')} on ${hop.destination} began a trace of their own in ${hop.consumer} after ${hop.producer} had sent to it; without an id on both sides no pair can be named${faultOf(side)}`
          : `${plural(count, 'message')} on ${hop.destination} began a trace of their own in ${hop.consumer}; ${why}`,
      fix: fixOfLoss(hop, side),
      ...shared,
    }
  }
}

function producerMissing(scene: Scene, consumer: Message, shared: Pick<Case, 'weight' | 'evidence'>): Case {
  const hop = hopOf(undefined, consumer)
  const outside = isAtEdge(scene, consumer.span.start, 'start')
  return {
    rule: outside ? 'MQ-PRODUCER-OUTSIDE-WINDOW' : 'MQ-PRODUCER-UNTRACED',
    level: outside || mayBeLinked(scene, consumer) ? 'info' : ifComplete(scene, 'probable'),
    hop,
    message: (count) =>
      outside
        ? `${plural(count, 'message')} on ${hop.destination} came right at the start of the export: whatever sent them may lie outside the window`
        : `nothing in the export sends to ${hop.destination}, from which ${hop.consumer} got ${plural(count, 'message')} without context: its producer is not traced`,
    fix: fixOfProducer(hop),
    ...shared,
  }
}

function evidenceOf({ span, ids }: Message): Case['evidence'] {
  const [messageId] = ids
  return {
    traces: [span.traceId],
    spans: [span.spanId],
    ...(messageId !== undefined && { messageId }),
    text: `${span.name} is the root of trace ${short(span.traceId)}`,
  }
}

/** Far more deliveries than sends: the producer's side was sampled, or exported only in part. */
function countTraffic({ hops }: Scene): Map<string, { sent: number; processed: number }> {
  const traffic = new Map<string, { sent: number; processed: number }>()
  for (const { role, destination, ids, span } of hops.messages) {
    if (role !== 'send' && role !== 'process') continue
    const count = traffic.get(destination) ?? { sent: 0, processed: 0 }
    const weight = Math.max(ids.length, numberFact(span.facts, BATCH_COUNT) ?? 1)
    if (role === 'send') count.sent += weight
    else count.processed += weight
    traffic.set(destination, count)
  }
  return traffic
}
