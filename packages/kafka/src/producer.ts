import { context as contextApi, type Attributes } from '@opentelemetry/api'
import {
  ATTR_CLIENT_ID,
  beginSend,
  createTelemetry,
  errorTypeOf,
  isAutoInstrumented,
  isPatched,
  patchMethod,
  reportAutoInstrumented,
  safely,
  settle,
  suppressed,
  uninstrumented,
  WaybillTypeError,
  type SendResult,
  type Telemetry,
} from '@waybill/core/adapter'
import { askClient, identify, isLibrdkafka, type Identity } from './identity.ts'
import { PRODUCER_CHECKS, type ProducerOptions } from './options.ts'
import { passes, recordDescriber } from './record.ts'
import { isEntry, outgoingOf, placeOf, stampEntry } from './topic-entry.ts'
import { recordTransactionEvents } from './transaction-events.ts'
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
export function traceProducer<P extends KafkaProducer>(producer: P, options?: ProducerOptions): P {
  const telemetry = createTelemetry(SCOPE, options, PRODUCER_CHECKS)
  const given = producer as Partial<KafkaProducer> | null | undefined
  if (typeof given?.send !== 'function' || typeof given.sendBatch !== 'function') {
    throw new WaybillTypeError(SCOPE, 'a kafkajs producer', producer, 'Pass what kafka.producer() gives you.')
  }
  if (isPatched(producer, 'send')) return producer
  const sending: SendingClient = {
    telemetry,
    options: options ?? {},
    identity: identify(producer, 'producer', telemetry.log),
    stampsEarly: isLibrdkafka(producer),
    describeRecord: recordDescriber(options ?? {}, telemetry.log),
    client: producer,
  }
  traceSender(sending, producer)
  if (typeof given.transaction === 'function') {
    // That instrumentation hides its hold on a transaction's methods: its own method is left out.
    const original = uninstrumented(given.transaction).bind(producer) as Call
    patchMethod(producer as unknown as { transaction: Call }, 'transaction', () => async (...args) => {
      const transaction = await original(...args)
      // kafkajs answers with an object of its own, Confluent's client with the producer itself.
      safely(telemetry.log, 'tracing a transaction', undefined, () => {
        traceSender(sending, transaction as KafkaSender)
        if (options?.events === true) recordTransactionEvents(transaction as object, telemetry)
      })
      return transaction
    })
  }
  return producer
}

/** What the sends of one client share. */
interface SendingClient {
  readonly telemetry: Telemetry
  readonly options: ProducerOptions
  readonly identity: Identity
  readonly stampsEarly: boolean
  readonly describeRecord: ReturnType<typeof recordDescriber>
  readonly client: object
}

function traceSender(client: SendingClient, sender: KafkaSender): void {
  if (isPatched(sender, 'send')) return
  const methods = sender as unknown as { send: Call; sendBatch: Call }
  const instrumented = isAutoInstrumented(methods.send)
  if (instrumented) reportAutoInstrumented(client.telemetry.log, '@opentelemetry/instrumentation-kafkajs')
  // Confluent's sendBatch hands each entry of our copy to send().
  const ours = new WeakSet<object>()
  patchMethod(methods, 'send', (original) => (record, ...rest) => {
    if (!isEntry(record) || ours.has(record)) return original(record, ...rest)
    return traced(client, instrumented, [record], (copies) => original(copies?.[0] ?? record, ...rest))
  })
  patchMethod(methods, 'sendBatch', (original) => (batch, ...rest) => {
    const entries = (batch as { topicMessages?: unknown } | null | undefined)?.topicMessages
    if (!Array.isArray(entries) || !entries.every(isEntry)) return original(batch, ...rest)
    return traced(client, instrumented, entries, (copies) => {
      for (const copy of copies ?? []) if (!entries.includes(copy)) ours.add(copy)
      return original(copies === undefined ? batch : { ...(batch as object), topicMessages: copies }, ...rest)
    })
  })
}

/** One call of the client, a span for each topic entry. `call` gets the copies to send, or nothing if no SDK is registered. */
function traced<T>(
  { telemetry, options, identity, stampsEarly, describeRecord, client }: SendingClient,
  instrumented: boolean,
  entries: readonly TopicEntry[],
  call: (copies: readonly TopicEntry[] | undefined) => T,
): T {
  const { log } = telemetry
  const sendings = entries.map((entry) => {
    const { topic } = entry
    if (!passes(options.topics, topic, log)) return undefined
    return beginSend(telemetry, {
      ...outgoingOf(entry, describeRecord),
      createSpans: options.messageSpans,
      inject: identity.headers && passes(options.headers, topic, log),
    })
  })
  if (sendings.every((sending) => sending === undefined)) return call(undefined)
  const copies = entries.map((entry, i) =>
    safely(log, 'stamping messages', entry, () =>
      stampEntry(entry, sendings[i], {
        stampsEarly,
        describeRecord: options.messageSpans ? describeRecord : undefined,
      }),
    ),
  )
  const context = (sendings.length === 1 ? sendings[0]?.context : undefined) ?? contextApi.active()
  return settle(
    () => contextApi.with(instrumented ? suppressed(context) : context, () => call(copies)),
    (failure, answer) => {
      askClient(client, identity)
      for (const [i, sending] of sendings.entries()) {
        const result = safely<SendResult>(log, 'reading the answer to a send', { failure }, () => {
          const attributes = clientAttributes(identity)
          if (failure !== undefined)
            return { failure, errorType: errorTypeOfClient(failure.error), attributes }
          return { attributes: { ...attributes, ...placeOf(entries[i] as TopicEntry, entries, answer) } }
        })
        sending?.end(result)
      }
    },
  )
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
