import type { Attributes } from '@opentelemetry/api'
import {
  ATTR_PARTITION_ID,
  recordGetter,
  stampRecord,
  type Outgoing,
  type OutgoingMessage,
  type Sending,
} from '@waybill/core/adapter'
import { forwardingOf } from './forward.ts'
import { ATTR_KAFKA_OFFSET, OP_STAMPED } from './semconv.ts'
import type { TopicEntry } from './types.ts'

/** Anything else is rejected by the client, in its own words. */
export function isEntry(value: unknown): value is TopicEntry {
  const { topic, messages } = (value ?? {}) as Partial<TopicEntry>
  return typeof topic === 'string' && topic !== '' && Array.isArray(messages)
}

type Describe = (record: { readonly key?: unknown; readonly value?: unknown } | undefined) => Attributes

/** What a send of these records is called and counts. */
export function outgoingOf({ topic, messages }: TopicEntry, describeRecord: Describe): Outgoing {
  return {
    operation: 'send',
    destination: { name: topic },
    count: messages.length,
    // Of several records none speaks for all.
    details: () => describeRecord(messages.length === 1 ? (messages[0] as Message | undefined) : undefined),
  }
}

interface Message {
  readonly key?: unknown
  readonly value?: unknown
  readonly timestamp?: unknown
  readonly headers?: unknown
}

interface Stamping {
  /** Whether the client takes a record's time when it is given the record, not when it writes it. */
  readonly stampsEarly: boolean
  /** Where every message has a span of its own. */
  readonly describeRecord: Describe | undefined
}

/** A copy of the records with our headers. */
export function stampEntry(entry: TopicEntry, sending: Sending | undefined, stamping: Stamping): TopicEntry {
  if (sending === undefined) return entry
  return { ...entry, messages: entry.messages.map((message) => stampMessage(message, sending, stamping)) }
}

/** A copy with headers of its own; what the client rejects stays as it is, since its error quotes the message. */
function stampMessage(
  message: unknown,
  sending: Sending,
  { stampsEarly, describeRecord }: Stamping,
): unknown {
  if (typeof message !== 'object' || message === null) return message
  const { value, headers, timestamp } = message as Message
  if (value === undefined || headers === null || !['object', 'undefined'].includes(typeof headers))
    return message
  const isStamped = stampsEarly || Boolean(timestamp)
  const forwards = forwardingOf(message)
  const special: OutgoingMessage | undefined =
    isStamped || forwards !== undefined || describeRecord !== undefined
      ? {
          op: isStamped ? OP_STAMPED : undefined,
          forwards,
          details: describeRecord && (() => describeRecord(message)),
        }
      : undefined
  return {
    ...message,
    headers: stampRecord(
      ownOf(headers as Headers | undefined),
      sending.stamp(headers, recordGetter, special),
    ),
  }
}

type Headers = Record<string, unknown>

/** kafkajs sends own headers only. */
function ownOf(headers: Headers | undefined): Headers | undefined {
  return headers === undefined || Object.getPrototypeOf(headers) === Object.prototype
    ? headers
    : { ...headers }
}

interface TopicResponse {
  readonly topicName?: unknown
  readonly partition?: unknown
  readonly baseOffset?: unknown
}

/** Partition and offset where the answer leaves no doubt: one partition for the topic, and one message in it. */
export function placeOf(entry: TopicEntry, entries: readonly TopicEntry[], answer: unknown): Attributes {
  const responses = (Array.isArray(answer) ? (answer as TopicResponse[]) : []).filter(
    ({ topicName }) => topicName === entry.topic,
  )
  const [only] = responses
  if (only === undefined || responses.length > 1 || typeof only.partition !== 'number') return {}
  const offset = Number(only.baseOffset ?? -1)
  const isAlone =
    entry.messages.length === 1 && entries.filter(({ topic }) => topic === entry.topic).length === 1
  return {
    [ATTR_PARTITION_ID]: String(only.partition),
    ...(isAlone && Number.isSafeInteger(offset) && offset >= 0 && { [ATTR_KAFKA_OFFSET]: offset }),
  }
}
