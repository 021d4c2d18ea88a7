import { context as contextApi } from '@opentelemetry/api'
import {
  beginProcess,
  createTelemetry,
  isAutoInstrumented,
  isPatched,
  patchMethod,
  reportAutoInstrumented,
  safely,
  settle,
  uninstrumented,
  type Outcome,
  type Telemetry,
  type TelemetryOptions,
} from '@waybill/core/adapter'
import { assertChannel, PEER, serverOf } from './channel.ts'
import { incomingOf, isDelivered } from './delivery.ts'
import { untraced } from './handler.ts'
import { openDeliveries, type OpenDeliveries } from './open-deliveries.ts'
import { markReceived } from './received.ts'
import type { ConsumingChannel, Delivered } from './types.ts'
import { VERSION } from './version.ts'

const SCOPE = {
  packageName: '@waybill/rabbitmq',
  functionName: 'traceConsumer',
  version: VERSION,
  system: 'rabbitmq',
} as const

const METHODS = ['consume', 'get', 'ack', 'ackAll', 'nack', 'nackAll', 'reject', 'recover', 'on'] as const

type Method = (...args: unknown[]) => unknown
type Handler = (message: unknown) => unknown
type Channel = Record<(typeof METHODS)[number], Method> & { listenerCount?(event: string): number }

/**
 * Traces what one amqplib channel delivers: a CONSUMER span `consume {exchange}:{routing key}:{queue}` for each message,
 * which runs until the message is settled and the handler's promise, if there is one, has settled too; a CLIENT span
 * `get …` for each message that `get` brings; and the time that the message waited. The channel is patched in place and
 * returned; a second call does nothing. Where a handler throws or rejects, the client behaves as it does without us.
 *
 * @throws WaybillTypeError if `channel` is no amqplib channel, or on a bad option
 * @example
 * const channel = traceConsumer(await connection.createChannel())
 * await channel.consume('orders', (message) => {
 *   if (message !== null) channel.ack(message)
 * })
 */
export function traceConsumer<C extends ConsumingChannel>(channel: C, options?: TelemetryOptions): C {
  const telemetry = createTelemetry(SCOPE, options)
  assertChannel(SCOPE, channel, METHODS)
  if (isPatched(channel, 'consume')) return channel
  const target = channel as unknown as Channel
  const server = serverOf(channel)
  const deliveries = openDeliveries()
  patchConsume(telemetry, target, deliveries, server)
  patchGet(telemetry, target, server)
  patchSettlement(target, deliveries)
  return channel
}

function patchConsume(
  telemetry: Telemetry,
  channel: Channel,
  deliveries: OpenDeliveries,
  server: Record<string, string | number>,
): void {
  if (isAutoInstrumented(channel.consume)) reportAutoInstrumented(telemetry.log, PEER)
  // That instrumentation starts its span on the root context, which suppression does not reach: its method is left out.
  const consume = uninstrumented(channel.consume).bind(channel)

  patchMethod(channel, 'consume', () => (queue, onMessage, options, ...rest) => {
    if (typeof onMessage !== 'function') return consume(queue, onMessage, options, ...rest)
    const handler = untraced(onMessage as Handler)
    const isSettled = (options as { noAck?: unknown } | null | undefined)?.noAck === true
    const traced: Handler = (message) => {
      // null: the broker cancelled the consumer.
      if (!isDelivered(message)) return handler(message)
      const processing = safely(telemetry.log, 'describing a delivery', undefined, () =>
        beginProcess(telemetry, incomingOf(message, 'consume', String(queue), server)),
      )
      if (processing === undefined) return handler(message)
      const done = isSettled ? undefined : deliveries.open(message.fields.deliveryTag, processing)
      let isReturned = false
      const run = (): unknown => {
        const result = contextApi.with(processing.context, handler, undefined, message)
        isReturned = true
        return result
      }
      return settle(run, (failure) => {
        if (done === undefined) processing.end({ failure })
        else done(failure, failure && outcomeOfFailure(channel, isReturned))
      })
    }
    return consume(queue, traced, options, ...rest)
  })
}

/**
 * What becomes of a message whose handler failed before it was settled. A rejection reaches nobody and a throw reaches
 * only 'handler-error', if somebody listens: then the message stays where it is. Else the client closes the channel, and
 * that ends the span.
 */
function outcomeOfFailure(channel: Channel, isRejection: boolean): Outcome | undefined {
  return isRejection || (channel.listenerCount?.('handler-error') ?? 0) > 0 ? 'abandoned' : undefined
}

function patchGet(telemetry: Telemetry, channel: Channel, server: Record<string, string | number>): void {
  patchMethod(channel, 'get', (get) => (queue, options, callback, ...rest) => {
    const since = performance.now()
    // An empty queue answers with `false`: no message, no span.
    const received = (message: unknown): void => {
      if (!isDelivered(message)) return
      safely(telemetry.log, 'tracing a fetched message', undefined, () => {
        const incoming = incomingOf(message, 'get', String(queue), server)
        const receiving = beginProcess(telemetry, { ...incoming, operationType: 'receive', since })
        receiving?.end()
        if (receiving !== undefined) markReceived(message)
      })
    }
    if (typeof callback === 'function') {
      const answered: Method = (...answer) => {
        received(answer[1])
        return (callback as Method)(...answer)
      }
      return get(queue, options, answered, ...rest)
    }
    const args = [queue, options, callback, ...rest]
    return settle(
      () => get(...args),
      (failure, message) => {
        if (failure === undefined) received(message)
      },
    )
  })
}

function patchSettlement(channel: Channel, deliveries: OpenDeliveries): void {
  // The client is called first: what it refuses settles nothing.
  const after = (name: (typeof METHODS)[number], settled: (...args: unknown[]) => void): void => {
    patchMethod(channel, name, (original) => (...args) => {
      const result = original(...args)
      settled(...args)
      return result
    })
  }
  const one = (message: unknown, upTo: unknown, outcome: Outcome): void => {
    const tag = (message as Delivered).fields.deliveryTag
    if (upTo) deliveries.settleUpTo(tag, outcome)
    else deliveries.settle(tag, outcome)
  }
  after('ack', (message, upTo) => {
    one(message, upTo, 'ack')
  })
  after('nack', (message, upTo, requeue) => {
    one(message, upTo, requeues(requeue) ? 'requeue' : 'nack')
  })
  after('reject', (message, requeue) => {
    one(message, false, requeues(requeue) ? 'requeue' : 'reject')
  })
  after('ackAll', () => {
    deliveries.settleUpTo(0, 'ack')
  })
  after('nackAll', (requeue) => {
    deliveries.settleUpTo(0, requeues(requeue) ? 'requeue' : 'nack')
  })
  after('recover', () => {
    deliveries.settleUpTo(0, 'requeue')
  })
  channel.on('close', () => {
    deliveries.settleUpTo(0, 'channel_closed')
  })
}

/** The client's own default: a requeue argument that is left out means true. */
function requeues(requeue: unknown): boolean {
  return requeue === undefined || Boolean(requeue)
}
