import { context as contextApi, type Attributes } from '@opentelemetry/api'
import {
  ATTR_CLIENT_ID,
  ATTR_PARTITION_ID,
  beginSend,
  createTelemetry,
  errorTypeOf,
  isAutoInstrumented,
  isPatched,
  patchMethod,
  recordGetter,
  reportAutoInstrumented,
  safely,
  settle,
  stampRecord,
  suppressed,
  uninstrumented,
  WaybillTypeError,
  type Outgoing,
  type Sending,
  type SendResult,
  type Telemetry,
  type TelemetryOptions,
} from '@waybill/core/adapter'
import { identify, type Identity } from './identity.ts'
import { ATTR_KAFKA_OFFSET, ATTR_KAFKA_TOMBSTONE } from './semconv.ts'
import type { KafkaProducer, KafkaSender, TopicEntry } from './types.ts'
import { VERSION } from './version.ts'

const SCOPE = {
  packageName: '@waybill/kafka',
  functionName: 'traceProducer',
  version: VERSION,
  system: 'kafka',
} as const

type Call = (argument: unknown, ...rest: unknown[]) => Promise<unknown>

/**
 * Traces `send`, `sendBatch` and the transactions of one kafkajs producer: a PRODUCER span `send {topic}` per call, in
 * `sendBatch` per topic entry, and `traceparent`, `tracestate`, `baggage` and `waybill` in the headers of every message.
 * The producer is patched in place and returned; a second call does nothing. What the caller passes is copied, never
 * written to. Arguments that the client rejects reach it as they are.
 *
 * @throws WaybillTypeError if `producer` has no `send` and `sendBatch`, or on a bad option
 * @example
 * const producer = traceProducer(kafka.producer())
 * await producer.connect()
 * await producer.send({ topic: 'orders', messages: [{ value: 'one book' }] })
 */
export function traceProducer<P extends KafkaProducer>(producer: P, options?: TelemetryOptions): P {
  const telemetry = createTelemetry(SCOPE, options)
  const given = producer as Partial<KafkaProducer> | null | undefined
  if (typeof given?.send !== 'function' || typeof given.sendBatch !== 'function') {
    throw new WaybillTypeError(SCOPE, 'a kafkajs producer', producer, 'Pass what kafka.producer() gives you.')
  }
  if (isPatched(producer, 'send')) return producer
  const identity = identify(producer, 'producer', telemetry.log)
  traceSender(telemetry, producer, identity)
  if (typeof given.transaction === 'function') {
    // That instrumentation hides its hold on a transaction's methods: its own method is left out.
    const original = uninstrumented(given.transaction).bind(producer) as Call
    patchMethod(producer as unknown as { transaction: Call }, 'transaction', () => async (...args) => {
      const transaction = await original(...args)
      // kafkajs answers with an object of its own, Confluent's client with the producer itself.
      safely(telemetry.log, 'tracing a transaction', undefined, () => {
        traceSender(telemetry, transaction as KafkaSender, identity)
      })
      return transaction
    })
  }
  return producer
}

function traceSender(telemetry: Telemetry, sender: KafkaSender, identity: Identity): void {
  if (isPatched(sender, 'send')) return
  const methods = sender as unknown as { send: Call; sendBatch: Call }
  const instrumented = isAutoInstrumented(methods.send)
  if (instrumented) reportAutoInstrumented(telemetry.log, '@opentelemetry/instrumentation-kafkajs')
  const calling: Calling = { telemetry, identity, instrumented }
  // Confluent's sendBatch hands each entry of our copy to send().
  const ours = new WeakSet<object>()
  patchMethod(methods, 'send', (original) => (record, ...rest) => {
    if (!isEntry(record) || ours.has(record)) return original(record, ...rest)
    return traced(calling, [record], (copies) => original(copies?.[0] ?? record, ...rest))
  })
  patchMethod(methods, 'sendBatch', (original) => (batch, ...rest) => {
    const entries = (batch as { topicMessages?: unknown } | null | undefined)?.topicMessages
    if (!Array.isArray(entries) || !entries.every(isEntry)) return original(batch, ...rest)
    return traced(calling, entries, (copies) => {
      for (const copy of copies ?? []) ours.add(copy)
      return original(copies === undefined ? batch : { ...(batch as object), topicMessages: copies }, ...rest)
    })
  })
}

interface Calling {
  readonly telemetry: Telemetry
  readonly identity: Identity
  readonly instrumented: boolean
}

/** Anything else is rejected by the client, in its own words. */
function isEntry(value: unknown): value is TopicEntry {
  const { topic, messages } = (value ?? {}) as Partial<TopicEntry>
  return typeof topic === 'string' && topic !== '' && Array.isArray(messages)
}

/** One call of the client, a span for each topic entry. `call` gets the copies to send, or nothing if no SDK is registered. */
function traced<T>(
  { telemetry, identity, instrumented }: Calling,
  entries: readonly TopicEntry[],
  call: (copies: readonly TopicEntry[] | undefined) => T,
): T {
  const { log } = telemetry
  const sendings = entries.map((entry) => beginSend(telemetry, outgoingOf(entry)))
  if (sendings.every((sending) => sending === undefined)) return call(undefined)
  const copies = entries.map((entry, i) =>
    safely(log, 'stamping messages', entry, () => stampEntry(entry, sendings[i])),
  )
  const context = (sendings.length === 1 ? sendings[0]?.context : undefined) ?? contextApi.active()
  return settle(
    () => contextApi.with(instrumented ? suppressed(context) : context, () => call(copies)),
    (failure, answer) => {
      for (const [i, sending] of sendings.entries()) {
        const entry = entries[i] as TopicEntry
        const known = safely(log, 'reading the answer to a send', {}, () => ({
          ...clientAttributes(identity),
          ...(failure === undefined && placeOf(entry, entries, answer)),
        }))
        const result: SendResult =
          failure === undefined ? {} : { failure, errorType: errorTypeOfClient(failure.error) }
        sending?.end({ ...result, attributes: known })
      }
    },
  )
}

function outgoingOf({ topic, messages }: TopicEntry): Outgoing {
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

function stampEntry(entry: TopicEntry, sending: Sending | undefined): TopicEntry {
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
function placeOf(entry: TopicEntry, entries: readonly TopicEntry[], answer: unknown): Attributes {
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

function clientAttributes({ clientId, server }: Identity): Attributes {
  return clientId === undefined ? server : { [ATTR_CLIENT_ID]: clientId, ...server }
}

/** The broker's own word for the fault where there is one; kafkajs wraps it in errors about its retries. */
function errorTypeOfClient(error: unknown): string {
  const { cause } = (error ?? {}) as { readonly cause?: unknown }
  for (const candidate of [error, cause] as { readonly name?: unknown; readonly type?: unknown }[]) {
    if (candidate?.name === 'KafkaJSProtocolError' && typeof candidate.type === 'string')
      return candidate.type
  }
  return errorTypeOf(error)
}
