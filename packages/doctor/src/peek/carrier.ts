import {
  parseSentryTrace,
  parseWaybill,
  readDatadogContext,
  recordGetter,
  WAYBILL_FIELD,
} from '@waybill/core/adapter'

/** What carries context in one waiting message. Bodies are never looked at. */
export interface WaitingMessage {
  /** Fields by lower-case name, as text. */
  readonly fields: Readonly<Record<string, string>>
  /** A whole value in a format of its own: BullMQ's telemetry metadata. */
  readonly raw?: string
  /** Epoch ms at which it was sent, where the broker says so. */
  readonly sentAt?: number
}

export type CarrierKind = 'w3c' | 'sentry' | 'datadog' | 'malformed' | 'missing'

/** What a look at some waiting messages gives. */
export interface Look {
  readonly destination: string
  readonly system: 'redis' | 'bullmq' | 'kafka' | 'rabbitmq'
  /** How many wait in all; `undefined` where the broker does not say. */
  readonly waiting: number | undefined
  readonly messages: readonly WaitingMessage[]
  /** What the way of looking cannot show. */
  readonly note?: string
}

export interface LookSummary {
  readonly destination: string
  readonly system: Look['system']
  readonly waiting: number | null
  readonly sampled: number
  readonly carriers: Readonly<Record<CarrierKind, number>>
  /** Messages with a `traceparent` that a vendor's own context in the same message contradicts: W3C consumers follow the former. */
  readonly contradicted: number
  /** Messages whose baggage is larger than W3C's least size to carry, or whose traceparent is over 512 characters. */
  readonly oversize: number
  readonly largestBaggageBytes: number
  /** Milliseconds since the oldest one was sent; null where nothing says so. */
  readonly oldestMs: number | null
  readonly note?: string
}

const TRACEPARENT = /^[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}/
const SENTRY = /^[0-9a-f]{32}-[0-9a-f]{16}(-[01])?$/
const MAX_BAGGAGE = 8192
const MAX_TRACEPARENT = 512

export function summarize(look: Look, now: number): LookSummary {
  const carriers = { w3c: 0, sentry: 0, datadog: 0, malformed: 0, missing: 0 }
  let [contradicted, oversize, largest] = [0, 0, 0]
  let oldest: number | null = null
  for (const message of look.messages) {
    carriers[kindOf(message)]++
    if (isContradicted(fieldsOf(message))) contradicted++
    const { traceparent = '', baggage = '' } = fieldsOf(message)
    const bytes = Buffer.byteLength(baggage)
    largest = Math.max(largest, bytes)
    if (bytes > MAX_BAGGAGE || traceparent.length > MAX_TRACEPARENT) oversize++
    const sentAt = message.sentAt ?? parseWaybill(fieldsOf(message)[WAYBILL_FIELD] ?? '', now).sent
    if (sentAt !== undefined) oldest = Math.max(oldest ?? 0, now - sentAt)
  }
  const { destination, system, waiting = null, messages, note } = look
  return {
    destination,
    system,
    waiting,
    sampled: messages.length,
    carriers,
    contradicted,
    oversize,
    largestBaggageBytes: largest,
    oldestMs: oldest,
    ...(note !== undefined && { note }),
  }
}

/** The best that it carries. */
export function kindOf(message: WaitingMessage): CarrierKind {
  const fields = fieldsOf(message)
  const { traceparent } = fields
  if (traceparent !== undefined && TRACEPARENT.test(traceparent)) return 'w3c'
  if (fields['_datadog'] !== undefined || fields['x-datadog-trace-id'] !== undefined) return 'datadog'
  if (SENTRY.test(message.raw ?? fields['sentry-trace'] ?? '')) return 'sentry'
  if (traceparent !== undefined) return 'malformed'
  return message.raw === undefined || message.raw === '' || isJsonObject(message.raw)
    ? 'missing'
    : 'malformed'
}

/** Where Datadog tells the lower half of a trace id only, just that can be compared. */
function isContradicted(fields: Readonly<Record<string, string>>): boolean {
  const { traceparent = '' } = fields
  if (!TRACEPARENT.test(traceparent)) return false
  const traceId = traceparent.split('-')[1]!
  const sentry = parseSentryTrace(fields['sentry-trace'])?.traceId ?? traceId
  const datadog = readDatadogContext(fields, recordGetter)?.traceId ?? traceId
  const isHalf = datadog.startsWith('0'.repeat(16))
  return sentry !== traceId || datadog.slice(isHalf ? 16 : 0) !== traceId.slice(isHalf ? 16 : 0)
}

/** BullMQ's metadata is a JSON object of text, where it is not something of a vendor. */
function fieldsOf({ fields, raw }: WaitingMessage): Readonly<Record<string, string>> {
  if (raw === undefined) return fields
  const parsed = parseObject(raw)
  if (parsed === undefined) return fields
  return Object.fromEntries(
    Object.entries(parsed).map(([key, value]) => [
      key.toLowerCase(),
      typeof value === 'string' ? value : JSON.stringify(value),
    ]),
  )
}

function isJsonObject(text: string): boolean {
  return parseObject(text) !== undefined
}

function parseObject(text: string): object | undefined {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? value : undefined
  } catch {
    return undefined
  }
}

/** Header values as brokers' clients give them; the last of several is the one that was written last. */
export function textFields(headers: object | undefined): Record<string, string> {
  const fields: Record<string, string> = {}
  for (const [key, value] of Object.entries(headers ?? {}) as [string, unknown][]) {
    const last: unknown = Array.isArray(value) ? value.at(-1) : value
    if (typeof last === 'string') fields[key.toLowerCase()] = last
    else if (last instanceof Uint8Array) fields[key.toLowerCase()] = Buffer.from(last).toString('utf8')
    else if (key === '_datadog' && last !== null && last !== undefined) fields[key] = JSON.stringify(last)
  }
  return fields
}
