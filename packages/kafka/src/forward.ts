import { context as contextApi, trace, type SpanContext } from '@opentelemetry/api'
import { journeyOf, WAYBILL_FIELD, type HandledMessage } from '@waybill/core/adapter'
import { aboutMessage } from './batch-message.ts'
import type { MessagePayload } from './types.ts'

/** A message to send: what `producer.send` takes. */
export interface ForwardedMessage {
  key: Buffer | string | null
  value: Buffer | string | null
  headers: Record<string, Buffer | string | (Buffer | string)[]>
}

/** What a message says about where it was when it was first sent on, as text headers. */
const ORIGINAL_TOPIC = 'waybill-original-topic'
const ORIGINAL_PARTITION = 'waybill-original-partition'
const ORIGINAL_OFFSET = 'waybill-original-offset'
/** How often it had been delivered there. */
const ATTEMPT = 'waybill-attempt'

/** What a send is to know of a message that is sent on. */
interface Forwarding {
  readonly origin: number | undefined
  readonly failed: SpanContext | undefined
}

// By the message that we made, since what tells it is not for the wire.
const forwardings = new WeakMap<object, Forwarding>()

/** What the message was made from, if `forwardMessage` made it. */
export function forwardingOf(message: object): Forwarding | undefined {
  return forwardings.get(message)
}

/**
 * A copy of a consumed message to be sent on: to a dead-letter topic, a retry topic, or the next step. A traced producer
 * continues its journey: the age counts from the first send, the span of the failed handling is linked. Headers say where
 * it came from, `waybill-original-topic`, `-partition` and `-offset`, and keep saying it over further hops; with
 * `waybill-attempt`, the number of the delivery that this one follows, where it is known. Headers whose names or values
 * some client cannot send are left out, and so is the time of the record. To be called within the handler.
 *
 * @param changes headers to add, and a value or key to send instead
 * @example
 * eachMessage: async ({ topic, partition, message }) => {
 *   try {
 *     await bill(message.value)
 *   } catch (error) {
 *     const dead = forwardMessage({ topic, partition, message }, { headers: { error: String(error) } })
 *     await producer.send({ topic: 'orders.dead', messages: [dead] })
 *   }
 * }
 */
export function forwardMessage(
  { topic, partition, message }: Pick<MessagePayload, 'topic' | 'partition' | 'message'>,
  changes: Partial<ForwardedMessage> = {},
): ForwardedMessage {
  const delivery = deliveryOf(message)
  const headers = sendable(message.headers)
  if (headers[ORIGINAL_TOPIC] === undefined) {
    headers[ORIGINAL_TOPIC] = topic
    headers[ORIGINAL_PARTITION] = String(partition)
    headers[ORIGINAL_OFFSET] = message.offset
  }
  delete headers[ATTEMPT]
  if (delivery.attempt !== undefined) headers[ATTEMPT] = String(delivery.attempt)
  // The times of the hop before are not this one's, should no traced producer write its own.
  for (const name of Object.keys(headers)) if (name.toLowerCase() === WAYBILL_FIELD) delete headers[name]
  const forwarded: ForwardedMessage = {
    key: (changes.key === undefined ? message.key : changes.key) as Buffer | null,
    value: (changes.value === undefined ? message.value : changes.value) as Buffer | null,
    headers: { ...headers, ...changes.headers },
  }
  forwardings.set(forwarded, { origin: delivery.origin, failed: delivery.span })
  return forwarded
}

/** What is known of the message's last delivery: within the handler, or of a batch that it is part of. */
function deliveryOf(message: MessagePayload['message']): Partial<HandledMessage> {
  const inBatch = aboutMessage(message)
  if (inBatch !== undefined) return inBatch
  const active = contextApi.active()
  const journey = journeyOf(active)
  const span = trace.getSpanContext(active)
  if (journey === undefined || journey.carrier !== message.headers || span === undefined) return {}
  return { attempt: journey.attempt, origin: journey.origin, span }
}

/** The headers that any client can send: own, of an ordinary name, with a text, bytes or a list of those. */
function sendable(headers: object | undefined): ForwardedMessage['headers'] {
  const kept: ForwardedMessage['headers'] = {}
  for (const [name, value] of Object.entries(headers ?? {}) as [string, unknown][]) {
    // `toString` comes from kafkajs with a function before its value, `__proto__` breaks Confluent's send.
    if (name in Object.prototype) continue
    if (isSendable(value) || (Array.isArray(value) && value.every(isSendable))) kept[name] = value
  }
  return kept
}

function isSendable(value: unknown): value is Buffer | string {
  return typeof value === 'string' || Buffer.isBuffer(value)
}
