import type { Hops } from '../model/hops.ts'
import { ROOT_REASON } from '../model/keys.ts'
import type { Message } from '../model/message.ts'
import type { Side } from './finding.ts'

const matrices = new WeakMap<Hops, Map<string, Set<string>>>()

/**
 * Who dropped the context. Spans alone do not say, but other hops of the destination do: if another producer reaches the same
 * consumer, it is this producer; if this producer reaches another consumer, it is this consumer. A consumer that says why it
 * began a new trace has looked and found nothing.
 */
export function sideOf(hops: Hops, producer: Message, consumer: Message): Side {
  const reason = consumer.span.facts[ROOT_REASON]
  if (reason === 'no_carrier' || reason === 'malformed') return 'producer'
  // A send of ours wrote its context into the message.
  if (isOurs(producer) && !isOurs(consumer)) return 'consumer'
  const matrix = connectedPairs(hops)
  const here = consumer.destination
  const from = producer.span.service
  const to = readerOf(consumer)
  const producers = matrix.get(`reader\0${here}\0${to}`) ?? new Set()
  const readers = matrix.get(`writer\0${producer.destination}\0${from}`) ?? new Set()
  const otherProducer = [...producers].some((name) => name !== from)
  const otherReader = [...readers].some((name) => name !== to)
  if (otherProducer === otherReader) return 'unknown'
  return otherProducer ? 'producer' : 'consumer'
}

function isOurs({ span }: Message): boolean {
  return span.scope.startsWith('@waybill/')
}

function readerOf({ span, group }: Message): string {
  return `${span.service}\0${group ?? ''}`
}

/** Which services reach which over a destination. */
function connectedPairs(hops: Hops): Map<string, Set<string>> {
  const known = matrices.get(hops)
  if (known !== undefined) return known
  const matrix = new Map<string, Set<string>>()
  const add = (key: string, name: string): void =>
    void matrix.set(key, (matrix.get(key) ?? new Set()).add(name))
  for (const { producer, consumer, connected } of hops.deliveries) {
    if (!connected) continue
    add(`reader\0${consumer.destination}\0${readerOf(consumer)}`, producer.span.service)
    add(`writer\0${producer.destination}\0${producer.span.service}`, readerOf(consumer))
  }
  matrices.set(hops, matrix)
  return matrix
}
