import {
  createTelemetry,
  isPatched,
  patchMethod,
  settle,
  WaybillTypeError,
  type TelemetryOptions,
} from '@waybill/core/adapter'
import { hasMethod } from './channel.ts'
import { traceConsumer } from './consumer.ts'
import { traceProducer } from './producer.ts'
import type { ChannelSource, ConsumingChannel, PublishingChannel } from './types.ts'
import { VERSION } from './version.ts'

const SCOPE = {
  packageName: '@waybill/rabbitmq',
  functionName: 'traceConnection',
  version: VERSION,
  system: 'rabbitmq',
} as const

type Method = (...args: unknown[]) => unknown

/**
 * Traces every channel that a connection makes from now on, on both sides, also those of a recovering connection: for
 * frameworks that keep their channels to themselves. With amqp-connection-manager a channel's own setup already gets a
 * traced channel. The connection is patched in place and returned; a second call does nothing.
 *
 * @throws WaybillTypeError if `connection` makes no channels, or on a bad option
 * @example
 * const connection = traceConnection(await connect('amqp://localhost', { recovery: true }))
 */
export function traceConnection<C extends ChannelSource>(connection: C, options?: TelemetryOptions): C {
  createTelemetry(SCOPE, options)
  if (!hasMethod(connection, 'createChannel')) {
    const remedy = 'Pass what await connect() gives you, of amqplib or of amqp-connection-manager.'
    throw new WaybillTypeError(SCOPE, 'a connection with createChannel()', connection, remedy)
  }
  if (isPatched(connection, 'createChannel')) return connection
  const trace = (channel: unknown): void => {
    traceConsumer(traceProducer(channel as PublishingChannel & ConsumingChannel, options), options)
  }
  // amqplib makes confirm channels by another method, amqp-connection-manager by an option.
  const isManager = !hasMethod(connection, 'createConfirmChannel')
  if (isManager) patchManager(connection as unknown as { createChannel: Method }, trace)
  else
    for (const name of ['createChannel', 'createConfirmChannel'] as const) patchModel(connection, name, trace)
  return connection
}

function patchModel(
  connection: object,
  name: 'createChannel' | 'createConfirmChannel',
  trace: (channel: unknown) => void,
): void {
  patchMethod(connection as Record<typeof name, Method>, name, (create) => (...args) => {
    const last = args.at(-1)
    if (typeof last !== 'function') {
      return settle(
        () => create(...args),
        (failure, channel) => {
          if (failure === undefined) trace(channel)
        },
      )
    }
    // The callback API hands the channel out twice, first unopened.
    const done: Method = (error, channel, ...rest) => {
      if (channel !== undefined && channel !== null) trace(channel)
      return (last as Method)(error, channel, ...rest)
    }
    return create(...args.slice(0, -1), done)
  })
}

interface ManagedOptions {
  readonly setup?: (...args: unknown[]) => unknown
}

function patchManager(connection: { createChannel: Method }, trace: (channel: unknown) => void): void {
  patchMethod(connection, 'createChannel', (create) => (options, ...rest) => {
    const { setup, ...others } = (options ?? {}) as ManagedOptions
    const first = function (this: unknown, channel: unknown, ...more: unknown[]): unknown {
      trace(channel)
      return setup?.call(this, channel, ...more)
    }
    // A setup with a second parameter gets a callback.
    Object.defineProperty(first, 'length', { value: setup?.length ?? 1 })
    const channel = create({ ...others, setup: first }, ...rest)
    trace(channel)
    return channel
  })
}
