import type { Attributes } from '@opentelemetry/api'
import {
  ATTR_PARTITION_ID,
  recordGetter,
  stampRecord,
  type Outgoing,
  type Sending,
} from '@waybill/core/adapter'
import { ATTR_KAFKA_OFFSET, ATTR_KAFKA_TOMBSTONE } from './semconv.ts'
import type { TopicEntry } from './types.ts'

/** Anything else is rejected by the client, in its own words. */
export function isEntry(value: unknown): value is TopicEntry {
  const { topic, messages } = (value ?? {}) as Partial<TopicEntry>
  return typeof topic === 'string' && topic !== '' && Array.isArray(messages)
}

/** What a send of these records is called and counts. */
export function outgoingOf({ topic, messages }: TopicEntry): Outgoing {
  return {
    operation: 'send',
    destination: { name: topic },
    count: messages.length,
    details: () => {
      const [message] = messages as readonly { readonly value?: unknown }[]
      return messages.length === 1 && message?.value === null ? { [ATTR_KAFKA_TOMBSTONE]: true } : {}
    },
  }
}

/** A copy of the records with our headers. */
export function stampEntry(entry: TopicEntry, sending: Sending | undefined): TopicEntry {
  if (sending === undefined) return entry
  return { ...entry, messages: entry.messages.map((message) => stampMessage(message, sending)) }
}

/** A copy with headers of its own; what the client rejects stays as it is, since its error quotes the message. */
function stampMessage(message: unknown, sending: Sending): unknown {
  if (typeof message !== 'object' || message === null) return message
  const { value, headers } = message as { readonly value?: unknown; readonly headers?: unknown }
  if (value === undefined || headers === null || !['object', 'undefined'].includes(typeof headers))
    return message
  return {
    ...message,
    headers: stampRecord(ownOf(headers as Headers | undefined), sending.stamp(headers, recordGetter)),
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
