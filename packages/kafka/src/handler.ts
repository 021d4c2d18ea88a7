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
  type Stages,
  type Telemetry,
  type TimeSource,
  type Waybill,
} from '@waybill/core/adapter'
import { register } from './batch-message.ts'
import { REPLAYED, type Deliveries, type Delivery } from './deliveries.ts'
import type { Identity } from './identity.ts'
import type { ReaderOptions } from './options.ts'
import type { Partitions } from './partitions.ts'
import { passes, type recordDescriber } from './record.ts'
import { ATTR_KAFKA_OFFSET, OP_STAMPED } from './semconv.ts'
import type { BatchPayload, KafkaMessage, MessagePayload } from './types.ts'

/** What the handlers of one consumer share. */
export interface Consuming {
  readonly telemetry: Telemetry
  readonly options: ReaderOptions
  readonly deliveries: Deliveries
  readonly partitions: Partitions
  readonly describeRecord: ReturnType<typeof recordDescriber>
  /** Who consumes, asked again until the client has told. */
  readonly identity: () => Identity
  /** A batch is handed over: for clients that tell nothing of it by events. */
  readonly begun: (batch: BatchPayload['batch']) => void
}

export type Handler = (this: unknown, payload: unknown, ...rest: unknown[]) => unknown

const CLOCKS: readonly Clock[] = ['producer', 'broker']

/** An `eachMessage` handler in a Process span of its own for every message. */
export function eachMessage(consuming: Consuming, handler: Handler): Handler {
  const { telemetry, deliveries, options } = consuming
  return function (payload, ...rest) {
    if (telemetry.signals() === undefined) return handler.call(this, payload, ...rest)
    const call = (): unknown => handler.call(this, payload, ...rest)
    const described = safely(telemetry.log, 'describing a message', undefined, () => {
      const { topic, partition, message } = payload as MessagePayload
      if (!passes(options.topics, topic, telemetry.log)) return undefined
      const offset = Number(message.offset)
      const handedOver = deliveries.handOver(topic, partition, offset, offset)
      const delivery = handedOver.of(offset)
      return { handedOver, incoming: describe(consuming, { topic, partition }, message, delivery) }
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
  const { telemetry, deliveries, options } = consuming
  return function (payload, ...rest) {
    if (telemetry.signals() === undefined) return handler.call(this, payload, ...rest)
    const call = (): unknown => handler.call(this, payload, ...rest)
    const described = safely(telemetry.log, 'describing a batch', undefined, () => {
      const { batch } = payload as BatchPayload
      const { topic, partition, messages } = batch
      if (!passes(options.topics, topic, telemetry.log)) return undefined
      const [first, last] = [messages.at(0), messages.at(-1)].map((message) => Number(message?.offset))
      const handedOver = deliveries.handOver(topic, partition, first as number, last as number)
      const incoming = messages.map((message) =>
        describe(consuming, { topic, partition }, message, handedOver.of(Number(message.offset))),
      )
      consuming.begun(batch)
      return { handedOver, incoming, messages, topic, partition }
    })
    if (described === undefined) return call()
    const { handedOver, incoming, messages, topic, partition } = described
    const { group, clientId, server } = consuming.identity()
    const processing = beginBatch(telemetry, {
      operation: 'process',
      destination: { name: topic },
      group,
      clientId,
      messages: incoming,
      parent: options.batchParent,
      details: () => ({
        [ATTR_PARTITION_ID]: String(partition),
        ...consuming.describeRecord(undefined),
        ...server,
      }),
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

interface Place {
  readonly topic: string
  readonly partition: number
}

function describe(consuming: Consuming, place: Place, message: KafkaMessage, delivery: Delivery): Incoming {
  const identity = consuming.identity()
  const { attempt, unknown, relation } = isReplay(consuming, place, message) ? REPLAYED : delivery
  // Written out, and not spread: this is made for every message.
  return {
    operation: 'process',
    destination: { name: place.topic },
    carrier: message.headers,
    getter: recordGetter as Incoming['getter'],
    group: identity.group,
    clientId: identity.clientId,
    times: ['sent', recordTime(message)],
    attempt,
    unknown,
    relation,
    stages: (waybill) => stagesOf(consuming.partitions, place, message, waybill),
    details: () => detailsOf(consuming, place, message, identity),
  }
}

function isReplay({ options, telemetry }: Consuming, place: Place, { offset }: KafkaMessage): boolean {
  const { replay = false } = options
  if (typeof replay === 'boolean') return replay
  return safely(telemetry.log, 'options.replay()', true, () => replay({ ...place, offset }))
}

/** The record's own time; only kafkajs says whose clock it is, and '' or 0 stands for none. */
function recordTime({ timestamp, batchContext }: KafkaMessage): TimeSource {
  return { at: Number(timestamp), clock: clockOf(batchContext) }
}

function clockOf(batchContext: KafkaMessage['batchContext']): Clock | undefined {
  return CLOCKS[batchContext?.timestampType ?? -1]
}

/**
 * When the record was written or stored, and when its batch was begun. A CreateTime is the former only if its producer is
 * ours, which says so where the time was given otherwise.
 */
function stagesOf(
  partitions: Partitions,
  { topic, partition }: Place,
  { timestamp, batchContext }: KafkaMessage,
  { sent, op }: Partial<Waybill>,
): Stages {
  const [clock, time] = [clockOf(batchContext), Number(timestamp)]
  const isWritten = clock === 'producer' && sent !== undefined && op !== OP_STAMPED && time >= sent
  return {
    stored: clock === 'broker' || isWritten ? time : undefined,
    fetched: partitions.begunOf(topic, partition),
  }
}

function detailsOf(
  { describeRecord }: Consuming,
  { partition }: Place,
  message: KafkaMessage,
  { server }: Identity,
): Attributes {
  const offset = Number(message.offset)
  return {
    [ATTR_PARTITION_ID]: String(partition),
    ...(Number.isSafeInteger(offset) && { [ATTR_KAFKA_OFFSET]: offset }),
    ...describeRecord(message),
    ...server,
  }
}
