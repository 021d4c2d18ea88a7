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
import { assertChannel, isManaged, PEER, serverOf } from './channel.ts'
import { incomingOf, isDelivered } from './delivery.ts'
import { patchGet } from './get.ts'
import { untraced } from './handler.ts'
import { traceManagedConsumer } from './managed-consumer.ts'
import { openDeliveries, type OpenDeliveries } from './open-deliveries.ts'
import { patchSettlement, SETTLING } from './settlement.ts'
import type { ConsumingChannel, ManagedChannel } from './types.ts'
import { VERSION } from './version.ts'

const SCOPE = {
  packageName: '@waybill/rabbitmq',
  functionName: 'traceConsumer',
  version: VERSION,
  system: 'rabbitmq',
} as const

type Method = (...args: unknown[]) => unknown
type Handler = (message: unknown) => unknown
type Server = Record<string, string | number>
interface Channel {
  consume: Method
  listenerCount?(event: string): number
}

/**
 * Traces what one channel delivers: a CONSUMER span `consume {exchange}:{routing key}:{queue}` for each message, which runs
 * until the message is settled and the handler's promise, if there is one, has settled too; a CLIENT span `get …` for each
 * message that `get` brings; and the time that the message waited. Where a handler throws or rejects, the client behaves as
 * it does without us.
 *
 * The channel is patched in place and returned; a second call does nothing.
 *
 * @param channel of amqplib or amqp-connection-manager
 * @throws WaybillTypeError if `channel` is neither, or on a bad option
 * @example
 * const channel = traceConsumer(await connection.createChannel())
 * await channel.consume('orders', (message) => {
 *   if (message !== null) channel.ack(message)
 * })
 */
export function traceConsumer<C extends ConsumingChannel | ManagedChannel>(
  channel: C,
  options?: TelemetryOptions,
): C {
  const telemetry = createTelemetry(SCOPE, options)
  if (isManaged(channel)) {
    if (!isPatched(channel, 'consume')) {
      traceManagedConsumer(channel, (raw) => {
        patchChannel(telemetry, raw)
      })
    }
    return channel
  }
  assertChannel(SCOPE, channel, ['consume', 'get', 'on', ...SETTLING])
  patchChannel(telemetry, channel)
  return channel
}

function patchChannel(telemetry: Telemetry, channel: object): void {
  if (isPatched(channel, 'consume')) return
  const server = serverOf(channel)
  const deliveries = openDeliveries()
  patchConsume(telemetry, channel as Channel, deliveries, server)
  patchGet(telemetry, channel as { get: Method }, deliveries, server)
  patchSettlement(channel as Parameters<typeof patchSettlement>[0], deliveries)
}

function patchConsume(
  telemetry: Telemetry,
  channel: Channel,
  deliveries: OpenDeliveries,
  server: Server,
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
      if (telemetry.signals() === undefined || !isDelivered(message)) return handler(message)
      const processing = safely(telemetry.log, 'describing a delivery', undefined, () =>
        beginProcess(telemetry, incomingOf(message, 'consume', String(queue), server)),
      )
      if (processing === undefined) return handler(message)
      const delivery = isSettled ? undefined : deliveries.open(message.fields, processing)
      let isReturned = false
      const run = (): unknown => {
        const result = contextApi.with(processing.context, handler, undefined, message)
        isReturned = true
        return result
      }
      return settle(run, (failure) => {
        if (delivery === undefined) processing.end({ failure })
        else deliveries.handled(delivery, failure, failure && outcomeOfFailure(channel, isReturned))
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
