import {
  parseWaybill,
  recordGetter,
  WAYBILL_FIELD,
  type Incoming,
  type TimeSource,
  type UnknownReason,
} from '@waybill/core/adapter'
import { deadLetteredAt, deathMark, deathsOf, describeDeaths, failuresIn } from './deaths.ts'
import { consumedFrom } from './destination.ts'
import { identityOf } from './identity.ts'
import {
  ATTR_ATTEMPT_LOWER_BOUND,
  ATTR_DELIVERY_TAG,
  ATTR_ROUTING_KEY,
  ATTR_STREAM_OFFSET,
} from './semconv.ts'
import type { Delivered } from './types.ts'

type Headers = Readonly<Record<string, unknown>>
type Deaths = ReturnType<typeof deathsOf>

/** Describes one delivered message to core: destination, carrier, start of the wait, attempt. */
export function incomingOf(
  message: Delivered,
  operation: string,
  queue: string,
  server: Record<string, string | number>,
): Incoming {
  const { fields, properties } = message
  const headers = properties.headers ?? {}
  const offset = headers['x-stream-offset']
  const deaths = deathsOf(headers)
  const attempt = attemptOf(headers, fields.redelivered, queue, deaths)
  const { times, unknown, agedFrom, scheduledDelay } = beginningOf(
    headers,
    properties.timestamp,
    fields.redelivered,
    deaths,
  )
  const { messageId, conversationId } = identityOf(properties)
  // Written out, and not spread: this is made for every message.
  return {
    operation,
    destination: consumedFrom(fields.exchange, fields.routingKey, queue),
    carrier: properties.headers,
    getter: recordGetter as Incoming['getter'],
    times,
    unknown,
    agedFrom,
    scheduledDelay,
    attempt: attempt?.number,
    messageId,
    conversationId,
    relation: offset === undefined ? undefined : 'link',
    details: () => ({
      ...server,
      [ATTR_ROUTING_KEY]: fields.routingKey,
      [ATTR_DELIVERY_TAG]: fields.deliveryTag,
      ...(attempt?.isLowerBound === true && { [ATTR_ATTEMPT_LOWER_BOUND]: true }),
      ...(typeof offset === 'number' && { [ATTR_STREAM_OFFSET]: offset }),
      ...(deaths !== undefined && describeDeaths(headers, deaths)),
    }),
  }
}

/** When the wait began, as far as headers tell: every one of them survives requeueing and dead-lettering unchanged. */
function beginningOf(
  headers: Headers,
  timestamp: unknown,
  redelivered: boolean,
  deaths: Deaths,
): Pick<Incoming, 'times' | 'unknown' | 'agedFrom' | 'scheduledDelay'> {
  const times = timesOf(headers, timestamp)
  if (headers['x-stream-offset'] !== undefined) return { times, unknown: 'replayed' }
  if (deaths !== undefined && !wereCopied(headers, deaths)) {
    const at = deadLetteredAt(deaths, redelivered)
    if (at === undefined) return { times, unknown: 'dead_lettered' }
    const expired = deaths[0]?.reason === 'expired'
    return {
      times: [{ at, clock: 'broker', resolution: 1000 }],
      agedFrom: times,
      ...(expired && { scheduledDelay: deaths[0]?.expiration }),
    }
  }
  // The delayed-message plugin negates its header when it lets a message go; when that was, nothing tells.
  const isHeldBack = typeof headers['x-delay'] === 'number' && headers['x-delay'] < 0
  const unknown: UnknownReason | undefined = isHeldBack
    ? 'rescheduled'
    : redelivered
      ? 'redelivered'
      : undefined
  return { times, unknown }
}

/** Whether the deaths were in the headers already when the message was published. */
function wereCopied(headers: Headers, deaths: NonNullable<Deaths>): boolean {
  const field = recordGetter.get(headers, WAYBILL_FIELD)
  return typeof field === 'string' && parseWaybill(field, Date.now()).op === deathMark(deaths)
}

/** A value above this is no time in seconds of this millennium: people put milliseconds into `timestamp` too. */
const SECONDS_LIMIT = 1e11

function timesOf(headers: Headers, timestamp: unknown): (TimeSource | 'sent')[] {
  const times: (TimeSource | 'sent')[] = ['sent']
  // Set by the broker's message interceptor, where that is configured.
  const arrived = headers['timestamp_in_ms']
  if (typeof arrived === 'number') times.push({ at: arrived, clock: 'broker' })
  if (typeof timestamp === 'number') {
    times.push(
      timestamp > SECONDS_LIMIT
        ? { at: timestamp, clock: 'producer' }
        : { at: timestamp * 1000, clock: 'producer', resolution: 1000 },
    )
  }
  return times
}

/**
 * Number of this delivery. `redelivered` is asked first, so that a count which a publisher has put there does not matter on
 * a first delivery. Quorum queues count: 4.3 in `x-acquired-count`, before that in `x-delivery-count`; on classic queues a
 * redelivery is at least the second. After dead-lettering the counts of several queues run together, and only what failed
 * in this queue is sure. Left out for streams, which count nothing.
 */
function attemptOf(
  headers: Headers,
  redelivered: boolean,
  queue: string,
  deaths: Deaths,
): { readonly number: number; readonly isLowerBound: boolean } | undefined {
  if (headers['x-stream-offset'] !== undefined) return undefined
  if (deaths !== undefined) return { number: 1 + failuresIn(deaths, queue), isLowerBound: true }
  if (!redelivered) return { number: 1, isLowerBound: false }
  const earlier = countOf(headers['x-acquired-count']) ?? countOf(headers['x-delivery-count'])
  return { number: Math.max(2, (earlier ?? 1) + 1), isLowerBound: earlier === undefined }
}

function countOf(value: unknown): number | undefined {
  return typeof value === 'number' && Number.isInteger(value) && value >= 0 && value < 1e9 ? value : undefined
}

/** Whether a value is a message, and not the `null` of a cancelled consumer or the `false` of an empty queue. */
export function isDelivered(value: unknown): value is Delivered {
  const { fields, properties } = (value ?? {}) as Partial<Delivered>
  return typeof fields?.deliveryTag === 'number' && typeof properties === 'object' && properties !== null
}
