import { ATTR_SERVER_ADDRESS, ATTR_SERVER_PORT, WaybillTypeError, type Origin } from '@waybill/core/adapter'
import type { ManagedChannel } from './types.ts'

/** Name of the instrumentation whose spans ours replace. */
export const PEER = '@opentelemetry/instrumentation-amqplib'

/** @throws WaybillTypeError if `channel` lacks one of the methods that are to be traced */
export function assertChannel(origin: Origin, channel: unknown, methods: readonly string[]): void {
  const missing = methods.find((name) => !hasMethod(channel, name))
  if (missing === undefined) return
  const remedy =
    'Pass what await connection.createChannel() or await connection.createConfirmChannel() gives you.'
  throw new WaybillTypeError(origin, `an amqplib channel with ${missing}()`, channel, remedy)
}

export function hasMethod<K extends string>(
  value: unknown,
  name: K,
): value is Record<K, (...args: never[]) => unknown> {
  return typeof (value as Record<string, unknown> | null | undefined)?.[name] === 'function'
}

/**
 * Whether this is a `ChannelWrapper` of amqp-connection-manager, which sets up a channel of amqplib's again on every
 * connection, and buffers what is published in between.
 */
export function isManaged(channel: unknown): channel is ManagedChannel {
  return hasMethod(channel, 'addSetup') && hasMethod(channel, 'waitForConnect')
}

/**
 * The broker's address as the channel's socket knows it, read once, since a channel never moves to another connection.
 * amqplib's types show no socket and other transports have none: then there are no such attributes.
 */
export function serverOf(channel: object): Record<string, string | number> {
  const { stream } = (channel as { connection?: { stream?: unknown } }).connection ?? {}
  const { remoteAddress, remotePort } = (stream ?? {}) as { remoteAddress?: unknown; remotePort?: unknown }
  return {
    ...(typeof remoteAddress === 'string' && { [ATTR_SERVER_ADDRESS]: remoteAddress }),
    ...(typeof remotePort === 'number' && { [ATTR_SERVER_PORT]: remotePort }),
  }
}
