import { isTransit } from './facts.ts'
import { append } from './grouping.ts'
import { isPoll, maySameSystem, messageOf, sentUnder, type Message } from './message.ts'
import { ancestors, isRoot, lineage, MILLISECOND, type Span } from './span.ts'
import type { SpanModel } from './spans.ts'

/** One delivery, and the send that its identity, its parent or its link proves to be its own. */
export interface Delivery {
  readonly consumer: Message
  /** The id that pairs them; `undefined` where parent or link does. */
  readonly id: string | undefined
  /** Of several sends with the id, the connected one; if none is, the last one before the delivery. */
  readonly producer: Message
  readonly connected: boolean
}

/** A delivery whose send is not known. */
export interface Unpaired {
  readonly consumer: Message
  /** Sends to the same destination that are in the export, if any. */
  readonly sends: readonly Message[]
  /** Both sides say ids, so its own send is not among them. */
  readonly identified: boolean
}

/** What happened at the destinations of an export. */
export interface Hops {
  readonly messages: readonly Message[]
  readonly deliveries: readonly Delivery[]
  readonly unpaired: readonly Unpaired[]
  /** By the name that the producer gives it. */
  readonly sends: ReadonlyMap<string, readonly Message[]>
  readonly transits: readonly Span[]
  messageOf(span: Span): Message | undefined
}

/** Rounding of start times, which are whole milliseconds in JavaScript, and stamps of the worker's side. */
const TOLERANCE = 5 * MILLISECOND

/** Pairs deliveries with sends: by identity, else by parent or link, never by time. */
export function findHops(model: SpanModel): Hops {
  const bySpan = new Map<Span, Message>()
  const messages: Message[] = []
  const transits: Span[] = []
  const sends = new Map<string, Message[]>()
  const sendsById = new Map<string, Message[]>()
  for (const span of model.spans) {
    const message = messageOf(span)
    if (message === undefined) {
      if (isTransit(span)) transits.push(span)
      continue
    }
    bySpan.set(span, message)
    messages.push(message)
    if (message.role === 'transit') transits.push(span)
    if (message.role !== 'send') continue
    append(sends, message.destination, message)
    for (const id of message.ids) append(sendsById, key(message.destination, id), message)
  }

  const find = (span: Span): Message | undefined => bySpan.get(span)
  const deliveries: Delivery[] = []
  const unpaired: Unpaired[] = []
  for (const consumer of messages) {
    if (consumer.role !== 'process') continue
    const names = sentUnder(consumer)
    let paired = false
    for (const id of consumer.ids) {
      const candidates = names
        .flatMap((name) => sendsById.get(key(name, id)) ?? [])
        .filter((send) => maySameSystem(send, consumer))
      const delivery = byIdentity(consumer, id, candidates)
      if (delivery === undefined) continue
      deliveries.push(delivery)
      paired = true
    }
    if (paired) continue
    const structural = byStructure(model, find, consumer)
    for (const producer of structural) {
      deliveries.push({ consumer, producer, id: undefined, connected: true })
    }
    if (structural.length > 0) continue
    const known = names
      .flatMap((name) => sends.get(name) ?? [])
      .filter((send) => maySameSystem(send, consumer))
    unpaired.push({
      consumer,
      sends: known,
      identified: consumer.ids.length > 0 && known.some(({ ids }) => ids.length > 0),
    })
  }
  return { messages, deliveries, unpaired, sends, transits, messageOf: find }
}

/** Of several sends with one id: a connected one makes the delivery sound, else the last before it is its own. */
function byIdentity(consumer: Message, id: string, candidates: readonly Message[]): Delivery | undefined {
  if (candidates.length === 0) return undefined
  const { start } = consumer.span
  const nearest = candidates.toSorted((a, b) => distance(a, start) - distance(b, start))
  const connected = nearest.find((producer) => isConnected(producer.span, consumer.span))
  if (connected !== undefined) return { consumer, id, producer: connected, connected: true }
  const [producer] = nearest
  if (producer === undefined) return undefined
  // Ids that count restart after a flush: one that was sent later belongs to a later message.
  if (producer.span.start > start + TOLERANCE && /^\d+$/.test(id)) return undefined
  return { consumer, id, producer, connected: false }
}

/** Sends after the delivery come last, whatever their distance. */
function distance(send: Message, start: number): number {
  const before = start + TOLERANCE - send.span.start
  return before >= 0 ? before : Number.MAX_SAFE_INTEGER / 2 - before
}

/** Without an id: the nearest send above the delivery, or those that it links. */
function byStructure(
  model: SpanModel,
  find: (span: Span) => Message | undefined,
  consumer: Message,
): readonly Message[] {
  const names = sentUnder(consumer)
  const isSend = (message: Message | undefined): message is Message =>
    message?.role === 'send' && names.includes(message.destination) && maySameSystem(message, consumer)
  for (const above of ancestors(consumer.span)) {
    const message = find(above)
    // Past another delivery it is another message.
    if (message?.role === 'process') break
    if (isSend(message)) return [message]
  }
  return consumer.span.links.flatMap(({ traceId, spanId }) => {
    const linked = model.find(traceId, spanId)
    const message = linked && find(linked)
    return isSend(message) ? [message] : []
  })
}

/** One trace, or a link of either to the other's, on the span or above it. */
export function isConnected(producer: Span, consumer: Span): boolean {
  if (producer.traceId === consumer.traceId) return true
  return linksTo(consumer, producer.traceId) || linksTo(producer, consumer.traceId)
}

function linksTo(span: Span, traceId: string): boolean {
  for (const at of lineage(span)) if (at.links.some((link) => link.traceId === traceId)) return true
  return false
}

/** Nothing but polling above it: as good as a root. */
export function isDetached(span: Span): boolean {
  if (isRoot(span)) return true
  const above = ancestors(span)
  const top = above.at(-1)
  return top !== undefined && isRoot(top) && above.every(isPoll)
}

function key(destination: string, id: string): string {
  return `${destination}\0${id}`
}
