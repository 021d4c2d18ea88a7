import type { Destination } from '@waybill/core/adapter'

const REPLY_TO = 'amq.rabbitmq.reply-to'

interface Way {
  readonly exchange: string
  readonly routingKey: string
  readonly destination: Destination
}

/** The last way into each queue, and of each routing key: the next message nearly always goes the same way. */
const consumed = new Map<string, Way>()
const published = new Map<string, Way>()
/** Routing keys may be many. */
const MOST_WAYS = 1000

/** What `make` made the last time under this key, if it was the same way; else what it makes now. */
function remember(
  ways: Map<string, Way>,
  key: string,
  exchange: string,
  routingKey: string,
  make: () => Destination,
): Destination {
  const last = ways.get(key)
  if (last !== undefined && last.exchange === exchange && last.routingKey === routingKey)
    return last.destination
  if (ways.size >= MOST_WAYS) ways.clear()
  const destination = make()
  ways.set(key, { exchange, routingKey, destination })
  return destination
}

/**
 * Where a message is published to: `{exchange}:{routing key}`, one alone if the other is empty, `amq.default` if both.
 * Source: messaging conventions for RabbitMQ, conventions §3.
 */
export function publishedTo(exchange: string, routingKey: string): Destination {
  return remember(published, routingKey, exchange, routingKey, () =>
    named([exchange, routingKey].filter(isPart), 'amq.default'),
  )
}

/** Where a message was consumed from: `{exchange}:{routing key}:{queue}`, empties and repeats left out. */
export function consumedFrom(exchange: string, routingKey: string, queue: string): Destination {
  return remember(consumed, queue, exchange, routingKey, () =>
    named(
      [exchange, routingKey, queue].filter((part, i, all) => isPart(part) && all.indexOf(part) === i),
      queue,
    ),
  )
}

/** Arguments of a wrong type are for the client to judge, after us. */
function isPart(part: unknown): boolean {
  return typeof part === 'string' && part !== ''
}

function named(parts: readonly string[], otherwise: string): Destination {
  // All reply queues go by one name, so that it is safe in span names and metrics although each is temporary.
  if (parts.some(isReplyTo)) return { name: REPLY_TO, template: REPLY_TO, temporary: true, anonymous: true }
  const name = parts.length === 0 ? otherwise : parts.join(':')
  return parts.some(isServerNamed) ? { name, temporary: true, anonymous: true } : { name }
}

/** The address of a direct reply ends in a token of its own for every client: `amq.rabbitmq.reply-to.g1h2AA5y…`. */
function isReplyTo(part: string): boolean {
  return part === REPLY_TO || part.startsWith(`${REPLY_TO}.`)
}

function isServerNamed(part: string): boolean {
  return part.startsWith('amq.gen-')
}
