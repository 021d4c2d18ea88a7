import { context as contextApi, type Attributes } from '@opentelemetry/api'
import {
  ATTR_PARTITION_ID,
  beginBatch,
  beginProcess,
  recordGetter,
  safely,
  settle,
  type Clock,
  type Incoming,
  type Telemetry,
  type TimeSource,
} from '@waybill/core/adapter'
import type { Deliveries, Delivery } from './deliveries.ts'
import type { Identity } from './identity.ts'
import { register } from './batch-message.ts'
import { ATTR_KAFKA_OFFSET, ATTR_KAFKA_TOMBSTONE } from './semconv.ts'
import type { BatchPayload, KafkaMessage, MessagePayload } from './types.ts'

/** What the handlers of one consumer share. */
export interface Consuming {
  readonly telemetry: Telemetry
  readonly deliveries: Deliveries
  readonly identity: Identity
}

export type Handler = (this: unknown, payload: unknown, ...rest: unknown[]) => unknown

const CLOCKS: readonly Clock[] = ['producer', 'broker']

/** An `eachMessage` handler in a Process span of its own for every message. */
export function eachMessage(consuming: Consuming, handler: Handler): Handler {
  const { telemetry, deliveries } = consuming
  return function (payload, ...rest) {
    const call = (): unknown => handler.call(this, payload, ...rest)
    const described = safely(telemetry.log, 'describing a message', undefined, () => {
      const { topic, partition, message } = payload as MessagePayload
      const offset = Number(message.offset)
      const handedOver = deliveries.handOver(topic, partition, offset, offset)
      return {
        handedOver,
        incoming: describe(consuming, { topic, partition }, message, handedOver.of(offset)),
      }
    })
    if (described === undefined) return call()
    const { handedOver, incoming } = described
    const processing = beginProcess(telemetry, incoming)
    return settle(
      () => (processing === undefined ? call() : contextApi.with(processing.context, call)),
      (failure) => {
        handedOver.end(failure !== undefined)
        processing?.end({ failure })
      },
    )
  }
}

/**
 * An `eachBatch` handler in one Process span that links its messages.
 *
 * @param resolvesAll whether the client takes all messages as done when the handler succeeds (`eachBatchAutoResolve`).
 *   Those that are not done come again, and so they do when it fails.
 */
export function eachBatch(consuming: Consuming, handler: Handler, resolvesAll: boolean): Handler {
  const { telemetry, deliveries, identity } = consuming
  return function (payload, ...rest) {
    const call = (): unknown => handler.call(this, payload, ...rest)
    const described = safely(telemetry.log, 'describing a batch', undefined, () => {
      const { topic, partition, messages } = (payload as BatchPayload).batch
      const [first, last] = [messages.at(0), messages.at(-1)].map((message) => Number(message?.offset))
      const handedOver = deliveries.handOver(topic, partition, first as number, last as number)
      const incoming = messages.map((message) =>
        describe(consuming, { topic, partition }, message, handedOver.of(Number(message.offset))),
      )
      return { handedOver, incoming, messages, topic, partition }
    })
    if (described === undefined) return call()
    const { handedOver, incoming, messages, topic, partition } = described
    const processing = beginBatch(telemetry, {
      operation: 'process',
      destination: { name: topic },
      group: identity.group,
      clientId: identity.clientId,
      messages: incoming,
      details: () => ({ [ATTR_PARTITION_ID]: String(partition), ...identity.server }),
    })
    if (processing !== undefined) register(messages, processing)
    return settle(
      () => (processing === undefined ? call() : contextApi.with(processing.context, call)),
      (failure) => {
        handedOver.end(failure !== undefined || !resolvesAll)
        processing?.end({ failure })
      },
    )
  }
}

function describe(
  { identity }: Consuming,
  { topic, partition }: { readonly topic: string; readonly partition: number },
  message: KafkaMessage,
  delivery: Delivery,
): Incoming {
  return {
    operation: 'process',
    destination: { name: topic },
    carrier: message.headers,
    getter: recordGetter as Incoming['getter'],
    group: identity.group,
    clientId: identity.clientId,
    times: ['sent', recordTime(message)],
    ...delivery,
    details: () => detailsOf(partition, message, identity),
  }
}

/** The record's own time; only kafkajs says whose clock it is, and '' or 0 stands for none. */
function recordTime({ timestamp, batchContext }: KafkaMessage): TimeSource {
  const clock = CLOCKS[batchContext?.timestampType ?? -1]
  return { at: Number(timestamp), ...(clock && { clock }) }
}

function detailsOf(partition: number, { offset, value }: KafkaMessage, { server }: Identity): Attributes {
  const number = Number(offset)
  return {
    [ATTR_PARTITION_ID]: String(partition),
    ...(Number.isSafeInteger(number) && { [ATTR_KAFKA_OFFSET]: number }),
    ...(value === null && { [ATTR_KAFKA_TOMBSTONE]: true }),
    ...server,
  }
}
