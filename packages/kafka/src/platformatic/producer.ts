import { context as contextApi, type Attributes } from '@opentelemetry/api'
import {
  ATTR_CLIENT_ID,
  ATTR_PARTITION_ID,
  beginSend,
  createTelemetry,
  isPatched,
  patchMethod,
  safely,
  settle,
  WaybillTypeError,
  type Failure,
  type Sending,
  type SendResult,
  type Telemetry,
} from '@waybill/core/adapter'
import { PRODUCER_CHECKS, type ProducerOptions as KafkaProducerOptions } from '../options.ts'
import { passes, recordDescriber } from '../record.ts'
import { ATTR_KAFKA_OFFSET, OP_STAMPED } from '../semconv.ts'
import { VERSION } from '../version.ts'
import { entriesGetter, entriesOf, headerFormOf, stampEntries, type HeaderForm } from './headers.ts'
import type { OutgoingRecord, PlatformaticProducer } from './types.ts'

const SCOPE = {
  packageName: '@waybill/kafka',
  functionName: 'traceProducer',
  version: VERSION,
  system: 'kafka',
} as const

/** Options of `traceProducer` for @platformatic/kafka. */
export interface ProducerOptions extends Omit<KafkaProducerOptions, 'events'> {
  /**
   * What the producer's header serialisers take: `bytes`, or `text` for both names and values. Default: found out from the
   * producer's serialisers; headers are left alone where they take neither.
   */
  readonly headerForm?: HeaderForm
}

type Callback = (error: unknown, answer?: unknown) => unknown
type Send = (options: unknown, callback?: Callback) => unknown

const CHECKS = {
  ...PRODUCER_CHECKS,
  headerForm: (value: unknown) => (value === 'bytes' || value === 'text' ? undefined : "'bytes' or 'text'"),
}

/**
 * Traces one producer of @platformatic/kafka: a PRODUCER span `send {topic}` for each topic in a call, and our headers in
 * copies of its messages. Transactions and `asStream()` send through the same method, so they are traced too; a stream sends
 * in the context of whichever write began its batch. The producer is patched in place and returned; a second call does
 * nothing. Both the promise and the callback form work.
 *
 * @throws WaybillTypeError if `producer` has no `send`, or on a bad option
 * @example
 * const producer = traceProducer(new Producer({ clientId: 'app', bootstrapBrokers: ['localhost:9092'] }))
 * await producer.send({ messages: [{ topic: 'orders', value: Buffer.from('one book') }] })
 */
export function traceProducer<P extends PlatformaticProducer>(producer: P, options?: ProducerOptions): P {
  const telemetry = createTelemetry(SCOPE, options, CHECKS)
  const given = producer as Partial<PlatformaticProducer> | null | undefined
  if (typeof given?.send !== 'function' || 'sendBatch' in given) {
    const remedy = "Pass a Producer of that package; for kafkajs, import from '@waybill/kafka'."
    throw new WaybillTypeError(SCOPE, 'a producer of @platformatic/kafka', producer, remedy)
  }
  if (isPatched(producer, 'send')) return producer
  const { log } = telemetry
  const form =
    options?.headerForm ??
    safely(log, 'reading the header serialisers', undefined, () => headerFormOf(producer))
  if (form === undefined)
    log.warn(
      'The header serialisers take neither bytes nor text: no headers are written. See option headerForm.',
    )
  const sender: Sender = { telemetry, options: options ?? {}, form, producer }
  patchMethod(producer as unknown as { send: Send }, 'send', (original) => (argument, callback) => {
    const { messages } = (argument ?? {}) as { readonly messages?: unknown }
    if (!Array.isArray(messages) || !messages.every(isRecord)) return original(argument, callback)
    return traced(sender, messages, callback, (copies, done) =>
      original(copies === undefined ? argument : { ...(argument as object), messages: copies }, done),
    )
  })
  return producer
}

interface Sender {
  readonly telemetry: Telemetry
  readonly options: ProducerOptions
  readonly form: HeaderForm | undefined
  readonly producer: object
}

/** One call of the client, a span for each of its topics. */
function traced(
  sender: Sender,
  messages: readonly OutgoingRecord[],
  callback: Callback | undefined,
  call: (copies: readonly OutgoingRecord[] | undefined, callback: Callback | undefined) => unknown,
): unknown {
  const { telemetry } = sender
  const { log } = telemetry
  const sendings = safely(log, 'starting the spans of a send', new Map<string, Sending>(), () =>
    beginAll(sender, messages),
  )
  if (sendings.size === 0) return call(undefined, callback)
  const copies = safely(log, 'stamping messages', messages, () => stampAll(sender, messages, sendings))
  const [only] = sendings.size === 1 ? sendings.values() : []
  const caller = contextApi.active()
  const context = only?.context ?? caller
  const done = (failure: Failure | undefined, answer?: unknown): void => {
    for (const [topic, sending] of sendings) {
      const fallback: SendResult = { failure }
      sending.end(
        safely(log, 'reading the answer to a send', fallback, () => ({
          failure,
          attributes: { ...clientOf(sender.producer), ...placeOf(topic, messages, answer) },
        })),
      )
    }
  }
  if (callback === undefined)
    return settle(() => contextApi.with(context, () => call(copies, undefined)), done)
  const answered = contextApi.bind(caller, callback)
  try {
    return contextApi.with(context, () =>
      call(copies, (error, ...rest) => {
        done(error === null || error === undefined ? undefined : { error }, rest[0])
        return answered(error, ...rest)
      }),
    )
  } catch (error) {
    done({ error })
    throw error
  }
}

function beginAll(
  { telemetry, options, form }: Sender,
  messages: readonly OutgoingRecord[],
): Map<string, Sending> {
  const describeRecord = recordDescriber(options, telemetry.log)
  const byTopic = new Map<string, OutgoingRecord[]>()
  for (const message of messages) {
    const ofTopic = byTopic.get(message.topic)
    if (ofTopic === undefined) byTopic.set(message.topic, [message])
    else ofTopic.push(message)
  }
  const sendings = new Map<string, Sending>()
  for (const [topic, ofTopic] of byTopic) {
    if (!passes(options.topics, topic, telemetry.log)) continue
    const sending = beginSend(telemetry, {
      operation: 'send',
      destination: { name: topic },
      count: ofTopic.length,
      createSpans: options.messageSpans,
      inject: form !== undefined && passes(options.headers, topic, telemetry.log),
      // The client sets the time of a record at its first attempt and keeps it over retries.
      op: OP_STAMPED,
      details: () => describeRecord(ofTopic.length === 1 ? ofTopic[0] : undefined),
    })
    if (sending !== undefined) sendings.set(topic, sending)
  }
  return sendings
}

function stampAll(
  { telemetry, options, form = 'bytes' }: Sender,
  messages: readonly OutgoingRecord[],
  sendings: ReadonlyMap<string, Sending>,
): readonly OutgoingRecord[] {
  const describeRecord = options.messageSpans === true ? recordDescriber(options, telemetry.log) : undefined
  return messages.map((message) => {
    const sending = sendings.get(message.topic)
    const entries = entriesOf(message.headers)
    if (sending === undefined || entries === undefined) return message
    const special = describeRecord && { details: () => describeRecord(message) }
    const stamp = sending.stamp(entries.length === 0 ? undefined : entries, entriesGetter, special)
    return { ...message, headers: stampEntries(entries, stamp, form) }
  })
}

function isRecord(value: unknown): value is OutgoingRecord {
  return typeof value === 'object' && value !== null && typeof (value as OutgoingRecord).topic === 'string'
}

function clientOf(producer: object): Attributes {
  const { clientId } = producer as { readonly clientId?: unknown }
  return typeof clientId === 'string' ? { [ATTR_CLIENT_ID]: clientId } : {}
}

interface Answer {
  readonly offsets?: readonly {
    readonly topic: string
    readonly partition: number
    readonly offset: bigint
  }[]
}

/** Partition and offset where the answer leaves no doubt. */
function placeOf(topic: string, messages: readonly OutgoingRecord[], answer: unknown): Attributes {
  const places = ((answer as Answer | undefined)?.offsets ?? []).filter((place) => place.topic === topic)
  const [only] = places
  if (only === undefined || places.length > 1) return {}
  const offset = Number(only.offset)
  const isAlone = messages.filter((message) => message.topic === topic).length === 1
  return {
    [ATTR_PARTITION_ID]: String(only.partition),
    ...(isAlone && Number.isSafeInteger(offset) && offset >= 0 && { [ATTR_KAFKA_OFFSET]: offset }),
  }
}
