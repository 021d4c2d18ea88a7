import { context as contextApi, type Attributes } from '@opentelemetry/api'
import {
  ATTR_PARTITION_ID,
  beginProcess,
  createTelemetry,
  safely,
  settle,
  WaybillTypeError,
  type Incoming,
  type Stages,
  type Waybill,
} from '@waybill/core/adapter'
import { createDeliveries, REPLAYED } from '../deliveries.ts'
import { HANDLER_CHECKS, type HandlerMeta as KafkaHandlerMeta } from '../options.ts'
import { passes, recordDescriber } from '../record.ts'
import { ATTR_KAFKA_OFFSET, OP_STAMPED } from '../semconv.ts'
import { VERSION } from '../version.ts'
import { entriesGetter } from './headers.ts'
import type { PlatformaticMessage } from './types.ts'

const SCOPE = {
  packageName: '@waybill/kafka',
  functionName: 'traceHandler',
  version: VERSION,
  system: 'kafka',
} as const

/** Options of `traceHandler` for @platformatic/kafka. */
export type HandlerMeta = Omit<KafkaHandlerMeta, 'events' | 'batchParent'>

/**
 * Wraps the function that handles one message of an @platformatic/kafka stream. The client has no such function of its own:
 * a stream yields messages, and only the application knows where the work on one begins and ends. Give every stream a
 * handler of its own: which messages have been seen before is remembered for each.
 *
 * @param meta group and client id, which a message does not tell; and the usual options
 * @throws WaybillTypeError if `handler` is no function, or on a bad option
 * @example
 * const handle = traceHandler(async (message) => bill(message.value), { group: 'billing' })
 * for await (const message of stream) await handle(message)
 */
export function traceHandler<M extends PlatformaticMessage, R>(
  handler: (message: M) => R,
  meta: HandlerMeta = {},
): (message: M) => R {
  const telemetry = createTelemetry(SCOPE, meta, HANDLER_CHECKS)
  if (typeof handler !== 'function')
    throw new WaybillTypeError(SCOPE, 'a function', handler, 'Pass the function that handles one message.')
  const { log } = telemetry
  const deliveries = createDeliveries()
  const describeRecord = recordDescriber(meta, log)

  function describe(message: PlatformaticMessage) {
    const { topic, partition } = message
    if (!passes(meta.topics, topic, log)) return undefined
    const offset = Number(message.offset)
    const handedOver = deliveries.handOver(topic, partition, offset, offset)
    const incoming: Incoming = {
      operation: 'process',
      destination: { name: topic },
      carrier: message.headerEntries,
      getter: entriesGetter as Incoming['getter'],
      group: meta.group,
      clientId: meta.clientId,
      // The client reads the producer's time even where the broker keeps its own beside it (LogAppendTime).
      times: ['sent', { at: Number(message.timestamp), clock: 'producer' }],
      ...(isReplay(message) ? REPLAYED : handedOver.of(offset)),
      stages: (waybill) => stagesOf(message, waybill),
      details: (): Attributes => ({
        [ATTR_PARTITION_ID]: String(partition),
        [ATTR_KAFKA_OFFSET]: offset,
        ...describeRecord(message),
      }),
    }
    return { handedOver, incoming }
  }

  function isReplay({ topic, partition, offset }: PlatformaticMessage): boolean {
    const { replay = false } = meta
    if (typeof replay === 'boolean') return replay
    return safely(log, 'options.replay()', true, () => replay({ topic, partition, offset: String(offset) }))
  }

  return function (this: unknown, message, ...rest: unknown[]) {
    const call = (): R => (handler as (...args: unknown[]) => R).call(this, message, ...rest)
    const described = safely(log, 'describing a message', undefined, () => describe(message))
    if (described === undefined) return call()
    const processing = beginProcess(telemetry, described.incoming)
    return settle(
      () => (processing === undefined ? call() : contextApi.with(processing.context, call)),
      (failure) => {
        described.handedOver.end(failure !== undefined)
        processing?.end({ failure })
      },
    )
  }
}

/** When the client wrote the record, as far as its time says that. */
function stagesOf({ timestamp }: PlatformaticMessage, { sent, op }: Partial<Waybill>): Stages {
  const time = Number(timestamp)
  return { stored: sent !== undefined && op !== OP_STAMPED && time >= sent ? time : undefined }
}
