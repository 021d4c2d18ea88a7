import {
  createTelemetry,
  process,
  safely,
  WaybillTypeError,
  type TelemetryOptions,
} from '@waybill/core/adapter'
import { incomingOf, isDelivered } from './delivery.ts'
import { isReceived } from './received.ts'
import type { Delivered } from './types.ts'
import { VERSION } from './version.ts'

const SCOPE = {
  packageName: '@waybill/rabbitmq',
  functionName: 'traceHandler',
  version: VERSION,
  system: 'rabbitmq',
} as const

/** What `traceHandler` needs to know, beside the options that every adapter takes. */
export interface HandlerOptions extends TelemetryOptions {
  /** The queue that the messages come from: a delivered message does not say. Required. */
  readonly queue: string
}

/** Anything that takes a message as amqplib delivers it, or `null` where the broker cancelled the consumer. */
export type MessageHandler = (message: never, ...rest: never[]) => unknown

// Wrapped handler to bare one: a channel that is traced itself knows more than a handler can.
const bare = new WeakMap<object, MessageHandler>()

/**
 * Traces one message handler, where the channel is not ours to patch, or for messages fetched with `get`: a CONSUMER span
 * `consume {exchange}:{routing key}:{queue}` in the message's context, and the time that the message waited. The span ends
 * when the handler returns or its promise settles; how the message is settled on the broker is not known here.
 *
 * @throws WaybillTypeError if `handler` is no function, or on a bad option
 * @example
 * const handle = traceHandler((message: GetMessage) => charge(message.content), { queue: 'orders' })
 * const message = await channel.get('orders')
 * if (message !== false) await handle(message)
 */
export function traceHandler<H extends MessageHandler>(handler: H, options: HandlerOptions): H {
  if (typeof handler !== 'function') {
    throw new WaybillTypeError(
      SCOPE,
      'a message handler',
      handler,
      'Pass the function that you give to channel.consume().',
    )
  }
  const telemetry = createTelemetry(SCOPE, options, { queue: isName })
  const { queue } = (options ?? {}) as Partial<HandlerOptions>
  if (queue === undefined) {
    throw new WaybillTypeError(
      SCOPE,
      'option queue',
      queue,
      "Pass the name of the queue: { queue: 'orders' }.",
    )
  }
  if (bare.has(handler)) return handler
  const traced = function (this: unknown, message: unknown, ...rest: unknown[]): unknown {
    const run = (): unknown =>
      (handler as unknown as (...args: unknown[]) => unknown).call(this, message, ...rest)
    if (!isDelivered(message)) return run()
    const incoming = safely(telemetry.log, 'describing a delivery', undefined, () => describe(message, queue))
    return incoming === undefined ? run() : process(telemetry, incoming, run)
  }
  bare.set(traced, handler)
  return traced as unknown as H
}

function describe(message: Delivered, queue: string): ReturnType<typeof incomingOf> {
  return { ...incomingOf(message, 'consume', queue, {}), received: isReceived(message) }
}

/** The handler that the application wrote. */
export function untraced<H extends object>(handler: H): H {
  return (bare.get(handler) as H | undefined) ?? handler
}

function isName(queue: unknown): string | undefined {
  return typeof queue === 'string' ? undefined : 'the name of a queue'
}
