import {
  createLagGauge,
  createTelemetry,
  isAutoInstrumented,
  isPatched,
  patchMethod,
  reportAutoInstrumented,
  safely,
  uninstrumented,
  WaybillTypeError,
  type Telemetry,
} from '@waybill/core/adapter'
import { listener } from './client-events.ts'
import { recordConsumerEvents } from './consumer-events.ts'
import { createDeliveries } from './deliveries.ts'
import { eachBatch, eachMessage, type Consuming, type Handler } from './handler.ts'
import { askClient, identify, isLibrdkafka } from './identity.ts'
import { CONSUMER_CHECKS, HANDLER_CHECKS, type ConsumerOptions, type HandlerMeta } from './options.ts'
import { createPartitions } from './partitions.ts'
import { passes, recordDescriber } from './record.ts'
import type { BatchPayload, KafkaConsumer, MessagePayload } from './types.ts'
import { VERSION } from './version.ts'

const SCOPE = { packageName: '@waybill/kafka', version: VERSION, system: 'kafka' } as const

interface RunConfig {
  readonly eachMessage?: unknown
  readonly eachBatch?: unknown
  readonly eachBatchAutoResolve?: unknown
}

// A handler that is traced already must not get a second span from the consumer that it is given to.
const traced = new WeakSet<Handler>()

/**
 * Traces the handlers that are given to `run` of one kafkajs consumer. `eachMessage`: a CONSUMER span `process {topic}` in
 * the message's own trace, with its baggage. `eachBatch`: one span that links the messages; see `runMessage`. The consumer
 * is patched in place and returned; a second call does nothing. Call it before `connect`, so that it hears group and
 * client id. The handler gets the client's own payload, the client gets the handler's own result or error.
 *
 * @throws WaybillTypeError if `consumer` has no `run`, or on a bad option
 * @example
 * const consumer = traceConsumer(kafka.consumer({ groupId: 'billing' }))
 * await consumer.connect()
 * await consumer.subscribe({ topic: 'orders' })
 * await consumer.run({ eachMessage: async ({ message }) => bill(message.value) })
 */
export function traceConsumer<C extends KafkaConsumer>(consumer: C, options?: ConsumerOptions): C {
  const scope = { ...SCOPE, functionName: 'traceConsumer' }
  const telemetry = createTelemetry(scope, options, CONSUMER_CHECKS)
  const run = (consumer as Partial<KafkaConsumer> | null | undefined)?.run
  if (typeof run !== 'function') {
    throw new WaybillTypeError(
      scope,
      'a kafkajs consumer',
      consumer,
      "Pass what kafka.consumer({ groupId: '…' }) gives you.",
    )
  }
  if (isPatched(consumer, 'run')) return consumer
  const consuming = consumingOf(consumer, telemetry, options)
  if (isAutoInstrumented(run)) reportAutoInstrumented(telemetry.log, '@opentelemetry/instrumentation-kafkajs')
  // That instrumentation starts its span on the root context, where suppression does not reach: its method is left out.
  const original = uninstrumented(run).bind(consumer) as (...args: unknown[]) => Promise<unknown>
  patchMethod(consumer as unknown as { run: typeof original }, 'run', () => (config, ...rest) => {
    const copy = safely(telemetry.log, 'wrapping the handlers', config, () => withTracing(consuming, config))
    return original(copy, ...rest)
  })
  return consumer
}

/** What the handlers of this consumer are to know, from what it tells. */
function consumingOf(consumer: object, telemetry: Telemetry, options: ConsumerOptions = {}): Consuming {
  const { log } = telemetry
  const [deliveries, partitions] = [createDeliveries(), createPartitions()]
  const identity = identify(consumer, 'consumer', log)
  identity.group = options.group
  const gauge = createLagGauge(telemetry, () => partitions.lags(identity.group))
  const begin = (topic: unknown, partition: unknown, lag: unknown, begun?: number): void => {
    if (typeof topic !== 'string' || typeof partition !== 'number') return
    if (!passes(options.topics, topic, log)) return
    partitions.begin(topic, partition, lag, begun)
    if (options.lag !== false) gauge.watch()
  }
  const listen = listener(consumer, log)
  let tellsOfBatches = false
  listen('consumer.start_batch_process', ({ topic, partition, offsetLag }) => {
    tellsOfBatches = true
    begin(topic, partition, offsetLag, telemetry.now())
  })
  listen('consumer.group_join', ({ memberAssignment }) => {
    deliveries.rejoined(memberAssignment)
    partitions.keep(memberAssignment)
  })
  const gone = (): void => {
    partitions.keep({})
    gauge.stop()
  }
  listen('consumer.stop', gone)
  const { disconnect } = consumer as { readonly disconnect?: unknown }
  if (isLibrdkafka(consumer) && typeof disconnect === 'function') {
    // It tells nothing: whatever asks for the lag would hold on to it for ever.
    patchMethod(
      consumer as { disconnect: (...args: never[]) => unknown },
      'disconnect',
      (original) =>
        (...args) => {
          gone()
          return original(...args)
        },
    )
  }
  if (options.events === true) recordConsumerEvents(consumer, telemetry, identity)
  return {
    telemetry,
    options,
    deliveries,
    partitions,
    describeRecord: recordDescriber(options, log),
    identity: () => {
      askClient(consumer, identity)
      return identity
    },
    begun: (batch) => {
      if (!tellsOfBatches) begin(batch.topic, batch.partition, batch.offsetLag?.())
    },
  }
}

/** A copy, since the caller may pass the same object again after `stop`. */
function withTracing(consuming: Consuming, config: unknown): unknown {
  if (typeof config !== 'object' || config === null) return config
  const { eachMessage: onMessage, eachBatch: onBatch, eachBatchAutoResolve } = config as RunConfig
  return {
    ...config,
    ...(isUntraced(onMessage) && { eachMessage: eachMessage(consuming, onMessage) }),
    ...(isUntraced(onBatch) && { eachBatch: eachBatch(consuming, onBatch, eachBatchAutoResolve !== false) }),
  }
}

function isUntraced(handler: unknown): handler is Handler {
  return typeof handler === 'function' && !traced.has(handler as Handler)
}

/**
 * Wraps one `eachMessage` or `eachBatch` handler where there is no consumer at hand to patch. Give every consumer a handler
 * of its own: which messages have been seen before is remembered for each.
 *
 * @param meta what a traced consumer would know by itself: group and client id; and the usual options
 * @throws WaybillTypeError if `handler` is no function, or on a bad option
 * @example
 * const handle = traceHandler(async ({ message }: EachMessagePayload) => bill(message.value), { group: 'billing' })
 */
export function traceHandler<P extends MessagePayload | BatchPayload, R>(
  handler: (payload: P) => R,
  meta?: HandlerMeta,
): (payload: P) => R {
  const scope = { ...SCOPE, functionName: 'traceHandler' }
  const telemetry = createTelemetry(scope, meta, HANDLER_CHECKS)
  if (typeof handler !== 'function') {
    throw new WaybillTypeError(
      scope,
      'a function',
      handler,
      'Pass the function that you give to run() as eachMessage or eachBatch.',
    )
  }
  if (!isUntraced(handler)) return handler
  const identity = { group: meta?.group, clientId: meta?.clientId, server: {}, headers: true }
  const consuming: Consuming = {
    telemetry,
    options: meta ?? {},
    deliveries: createDeliveries(),
    partitions: createPartitions(),
    describeRecord: recordDescriber(meta ?? {}, telemetry.log),
    identity: () => identity,
    begun: () => undefined,
  }
  const [onMessage, onBatch] = [eachMessage(consuming, handler), eachBatch(consuming, handler, true)]
  const wrapped: Handler = function (payload, ...rest) {
    const isBatch = typeof payload === 'object' && payload !== null && 'batch' in payload
    return (isBatch ? onBatch : onMessage).call(this, payload, ...rest)
  }
  traced.add(wrapped)
  return wrapped as (payload: P) => R
}
