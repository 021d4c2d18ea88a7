import { context as contextApi } from '@opentelemetry/api'
import {
  beginProcess,
  createTelemetry,
  safely,
  settle,
  WaybillTypeError,
  type Outcome,
  type Telemetry,
  type TelemetryOptions,
} from '@waybill/core/adapter'
import { incomingOf, isDelivered } from './delivery.ts'
import { sendEnvelope } from './publisher.ts'
import { fetchedDelivery, isReceived } from './received.ts'
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
 * when the handler returns or its promise settles. How the message is settled on the broker is known of a message that a
 * traced channel's `get` brought, whose span then ends with that; and of rabbitmq-client, by what the handler returns.
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
    const run = (...args: unknown[]): unknown =>
      (handler as unknown as (...args: unknown[]) => unknown).call(this, message, ...args)
    const delivered = deliveredOf(message)
    if (delivered === undefined) return run(...rest)
    const processing = safely(telemetry.log, 'describing a delivery', undefined, () =>
      beginProcess(telemetry, {
        ...incomingOf(delivered, 'consume', queue, {}),
        received: isReceived(delivered),
      }),
    )
    if (processing === undefined) return run(...rest)
    const handled = fetchedDelivery(delivered)?.handle(processing)
    const isFlat = delivered !== message
    const args = isFlat ? withTracedReply(telemetry, delivered, rest) : rest
    return settle(
      () => contextApi.with(processing.context, () => run(...args)),
      (failure, status) => {
        if (handled !== undefined) handled(failure)
        else processing.end({ failure, outcome: isFlat && !failure ? outcomeOf(status) : undefined })
      },
    )
  }
  bare.set(traced, handler)
  return traced as unknown as H
}

/** A message of either client: rabbitmq-client has fields and properties side by side. */
function deliveredOf(message: unknown): Delivered | undefined {
  if (isDelivered(message)) return message
  const flat = message as (Delivered['fields'] & Delivered['properties']) | null | undefined
  return typeof flat?.deliveryTag === 'number' && typeof flat.routingKey === 'string'
    ? { fields: flat, properties: flat }
    : undefined
}

/** What rabbitmq-client does with a message whose handler returned this; where it failed, an option of its own decides. */
function outcomeOf(status: unknown): Outcome {
  if (status === 1) return 'requeue'
  return status === 2 ? 'nack' : 'ack'
}

/** rabbitmq-client hands the handler a function that replies. */
function withTracedReply(telemetry: Telemetry, { properties }: Delivered, rest: unknown[]): unknown[] {
  const [reply, ...others] = rest
  const { replyTo } = properties as { replyTo?: unknown }
  if (typeof reply !== 'function' || typeof replyTo !== 'string') return rest
  const traced = (body: unknown, envelope?: object): unknown =>
    sendEnvelope(
      telemetry,
      { correlationId: properties.correlationId, ...envelope, exchange: '', routingKey: replyTo },
      (stamped) => (reply as (body: unknown, envelope: object) => unknown)(body, stamped),
    )
  return [traced, ...others]
}

/** The handler that the application wrote. */
export function untraced<H extends object>(handler: H): H {
  return (bare.get(handler) as H | undefined) ?? handler
}

function isName(queue: unknown): string | undefined {
  return typeof queue === 'string' ? undefined : 'the name of a queue'
}
