import { recordGetter, type Incoming, type TimeSource, type UnknownReason } from '@waybill/core/adapter'
import { consumedFrom } from './destination.ts'
import { identityOf } from './identity.ts'
import { ATTR_DELIVERY_TAG, ATTR_ROUTING_KEY } from './semconv.ts'
import type { Delivered } from './types.ts'

type Headers = Readonly<Record<string, unknown>>

/** Describes one delivered message to core: destination, carrier, start of the wait, attempt. */
export function incomingOf(
  message: Delivered,
  operation: string,
  queue: string,
  server: Record<string, string | number>,
): Incoming {
  const { fields, properties } = message
  const headers = properties.headers ?? {}
  const isStream = headers['x-stream-offset'] !== undefined
  return {
    operation,
    destination: consumedFrom(fields.exchange, fields.routingKey, queue),
    carrier: properties.headers,
    getter: recordGetter as Incoming['getter'],
    times: timesOf(headers, properties.timestamp),
    unknown: unknownOf(headers, fields.redelivered),
    attempt: attemptOf(headers, fields.redelivered),
    ...identityOf(properties),
    relation: isStream ? 'link' : undefined,
    details: () => ({
      ...server,
      [ATTR_ROUTING_KEY]: fields.routingKey,
      [ATTR_DELIVERY_TAG]: fields.deliveryTag,
    }),
  }
}

/** A value above this is no time in seconds of this millennium: people put milliseconds into `timestamp` too. */
const SECONDS_LIMIT = 1e11

function timesOf(headers: Headers, timestamp: unknown): (TimeSource | 'sent')[] {
  const times: (TimeSource | 'sent')[] = ['sent']
  // Set by the broker's message interceptor, where that is configured.
  const arrived = headers['timestamp_in_ms']
  if (typeof arrived === 'number') times.push({ at: arrived, clock: 'broker' })
  if (typeof timestamp === 'number') {
    times.push({ at: timestamp > SECONDS_LIMIT ? timestamp : timestamp * 1000, clock: 'producer' })
  }
  return times
}

/** Why no header tells when *this* wait began; every header survives requeueing and dead-lettering unchanged. */
function unknownOf(headers: Headers, redelivered: boolean): UnknownReason | undefined {
  if (headers['x-stream-offset'] !== undefined) return 'replayed'
  if (headers['x-death'] !== undefined) return 'dead_lettered'
  // The delayed-message plugin negates its header when it lets a message go; when that was, nothing tells.
  if (typeof headers['x-delay'] === 'number' && headers['x-delay'] < 0) return 'rescheduled'
  return redelivered ? 'redelivered' : undefined
}

/**
 * Number of this delivery. `redelivered` is asked first, so that a count which a publisher has put there does not matter on
 * a first delivery. Quorum queues count: 4.3 in `x-acquired-count`, before that in `x-delivery-count`; on classic queues a
 * redelivery is at least the second. Left out for streams, which count nothing, and after dead-lettering, where the counts
 * of several queues run together.
 */
function attemptOf(headers: Headers, redelivered: boolean): number | undefined {
  if (headers['x-stream-offset'] !== undefined || headers['x-death'] !== undefined) return undefined
  if (!redelivered) return 1
  const earlier = countOf(headers['x-acquired-count']) ?? countOf(headers['x-delivery-count']) ?? 1
  return Math.max(2, earlier + 1)
}

function countOf(value: unknown): number | undefined {
  return typeof value === 'number' && Number.isInteger(value) && value >= 0 && value < 1e9 ? value : undefined
}

/** Whether a value is a message, and not the `null` of a cancelled consumer or the `false` of an empty queue. */
export function isDelivered(value: unknown): value is Delivered {
  const { fields, properties } = (value ?? {}) as Partial<Delivered>
  return typeof fields?.deliveryTag === 'number' && typeof properties === 'object' && properties !== null
}
