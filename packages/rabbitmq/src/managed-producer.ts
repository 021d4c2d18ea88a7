import { context as contextApi } from '@opentelemetry/api'
import {
  beginSend,
  patchMethod,
  settle,
  type Failure,
  type Sending,
  type SendResult,
  type Telemetry,
} from '@waybill/core/adapter'
import { serverOf } from './channel.ts'
import { resultOf } from './confirm.ts'
import { frameSizeOf } from './header-frame.ts'
import { outgoingOf, stampedOptions, type PublishOptions } from './publishing.ts'
import type { ManagedChannel } from './types.ts'

/** What the channel beneath a managed one needs of the publish that was called above. */
export type HandedDown = Pick<Sending, 'context' | 'end'>

// By the headers that we made, since amqp-connection-manager copies all around them. Weak: they live as long as the message.
const handed = new WeakMap<object, HandedDown>()

/** The publish of a managed channel whose message the channel beneath is sending now, or again after a reconnect. */
export function handedDown(headers: object | undefined): HandedDown | undefined {
  return typeof headers === 'object' && headers !== null ? handed.get(headers) : undefined
}

type Call = (options: PublishOptions | undefined, done: unknown) => unknown
type Method = (...args: unknown[]) => unknown

/**
 * Traces a channel that buffers: the client sends in a loop of its own, maybe much later and on another connection, so the
 * context is taken, the message stamped and the span begun where the application calls. The channels beneath are traced
 * too, for what is published on them in a setup and for what only they hear: messages that come back.
 *
 * @param traceRaw traces a channel beneath
 */
export function traceManagedProducer(
  telemetry: Telemetry,
  channel: ManagedChannel,
  traceRaw: (raw: object) => void,
): void {
  let server = serverOf({})
  let frameSize = frameSizeOf({})
  void setUp(channel, (raw) => {
    server = serverOf(raw)
    frameSize = frameSizeOf(raw)
    traceRaw(raw)
  })

  function publish(
    exchange: string,
    routingKey: string,
    options: unknown,
    done: unknown,
    call: Call,
  ): unknown {
    const given = options as PublishOptions | undefined
    const sending = beginSend(telemetry, outgoingOf(exchange, routingKey, given, server))
    if (sending === undefined) return call(given, done)
    const caller = contextApi.active()
    // What the broker answers on the channel beneath, which may be the second answer, after a reconnect.
    let answer: SendResult | undefined
    const stamped = stampedOptions(telemetry, given, sending, frameSize)
    if (stamped?.headers !== undefined) {
      handed.set(stamped.headers, {
        context: sending.context,
        end: (result = {}) => {
          answer = result
        },
      })
    }
    const end = (failure: Failure | undefined): void => {
      if (failure === undefined) sending.end(answer?.errorType === undefined ? {} : answer)
      else sending.end(resultOf(failure.error))
    }
    const run = (): unknown => {
      if (typeof done !== 'function') return call(stamped, done)
      return call(stamped, (error: unknown, ...more: unknown[]) => {
        end(error === null || error === undefined ? undefined : { error })
        contextApi.with(caller, done as Method, undefined, error, ...more)
      })
    }
    return settle(
      () => contextApi.with(sending.context, run),
      (failure) => {
        if (typeof done !== 'function' || failure !== undefined) end(failure)
      },
    )
  }

  const target = channel as unknown as { publish: Method; sendToQueue: Method }
  patchMethod(
    target,
    'publish',
    (original) =>
      (exchange, routingKey, content, options, done, ...rest) =>
        publish(exchange as string, routingKey as string, options, done, (stamped, observed) =>
          original(exchange, routingKey, content, stamped, observed, ...rest),
        ),
  )
  // It does not call publish here.
  patchMethod(
    target,
    'sendToQueue',
    (original) =>
      (queue, content, options, done, ...rest) =>
        publish('', queue as string, options, done, (stamped, observed) =>
          original(queue, content, stamped, observed, ...rest),
        ),
  )
}

/** Has every channel beneath traced; settles when that which is there is. What fails there, the client itself reports. */
export async function setUp(channel: ManagedChannel, traceRaw: (raw: object) => void): Promise<void> {
  await channel.addSetup(traceRaw as never).catch(() => undefined)
}
