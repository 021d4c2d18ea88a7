import { context as contextApi } from '@opentelemetry/api'
import {
  beginSend,
  createTelemetry,
  isAutoInstrumented,
  isPatched,
  patchMethod,
  reportAutoInstrumented,
  suppressed,
  type Telemetry,
  type TelemetryOptions,
} from '@waybill/core/adapter'
import { assertChannel, hasMethod, isManaged, PEER, serverOf } from './channel.ts'
import { confirmsOf } from './confirm.ts'
import { frameSizeOf } from './header-frame.ts'
import { handedDown, traceManagedProducer, type HandedDown } from './managed-producer.ts'
import { tracePublisher } from './publisher.ts'
import { outgoingOf, stampedOptions, type PublishOptions } from './publishing.ts'
import { returnKey } from './returned-messages.ts'
import { isBesideSentry, shareBaggage } from './sentry.ts'
import type { Publisher, PublishingChannel } from './types.ts'
import { VERSION } from './version.ts'

const SCOPE = {
  packageName: '@waybill/rabbitmq',
  functionName: 'traceProducer',
  version: VERSION,
  system: 'rabbitmq',
} as const

type Publish = (
  exchange: string,
  routingKey: string,
  content: Buffer,
  options?: PublishOptions,
  ...rest: unknown[]
) => unknown

/**
 * Traces every `publish` and `sendToQueue` of one channel: a PRODUCER span `publish {exchange}:{routing key}`, and
 * `traceparent`, `tracestate`, `baggage` and `waybill` as message headers. On a confirm channel the span ends at the
 * broker's confirm, and a nack, an unroutable mandatory message or a lost channel is its error; on a plain channel it ends
 * when `publish` returns. With amqp-connection-manager and rabbitmq-client it ends with the client's promise.
 *
 * The channel is patched in place and returned; a second call does nothing.
 *
 * @param channel of amqplib or amqp-connection-manager, or a publisher of rabbitmq-client
 * @throws WaybillTypeError if `channel` is nothing to publish with, or on a bad option
 * @example
 * const channel = traceProducer(await connection.createConfirmChannel())
 * channel.sendToQueue('orders', Buffer.from('42'))
 */
export function traceProducer<C extends PublishingChannel | Publisher>(
  channel: C,
  options?: TelemetryOptions,
): C {
  const telemetry = createTelemetry(SCOPE, options)
  if (hasMethod(channel, 'send') && hasMethod(channel, 'close') && !hasMethod(channel, 'sendToQueue')) {
    tracePublisher(telemetry, channel)
    return channel
  }
  assertChannel(SCOPE, channel, ['publish', 'sendToQueue'])
  if (isPatched(channel, 'publish')) return channel
  if (isManaged(channel))
    traceManagedProducer(telemetry, channel, (raw) => {
      patchPublish(telemetry, raw)
    })
  else patchPublish(telemetry, channel)
  return channel
}

function patchPublish(telemetry: Telemetry, channel: object): void {
  if (isPatched(channel, 'publish')) return
  const server = serverOf(channel)
  const target = channel as { publish: Publish }
  const isInstrumented = isAutoInstrumented(target.publish)
  if (isInstrumented) reportAutoInstrumented(telemetry.log, PEER)
  const isBeside = isBesideSentry(telemetry)
  const frameSize = frameSizeOf(channel)
  const confirms = confirmsOf(channel)

  // sendToQueue calls this.publish, so that one patch covers both.
  patchMethod(target, 'publish', (publish) => (exchange, routingKey, content, options, ...rest) => {
    const above = handedDown(options?.headers)
    const sending =
      above === undefined
        ? beginSend(telemetry, outgoingOf(exchange, routingKey, options, server))
        : undefined
    const span: HandedDown | undefined = above ?? sending
    if (span === undefined) return publish(exchange, routingKey, content, options, ...rest)
    const copy = sending === undefined ? options : stampedOptions(telemetry, options, sending, frameSize)
    // Never the caller's own, which it is where writing headers failed.
    const isOurs = above !== undefined || copy !== options
    if (isBeside && isOurs && copy?.headers !== undefined) shareBaggage(copy.headers)
    const answered = bound(contextApi.active(), rest)
    const beneath = isInstrumented ? suppressed(span.context) : span.context
    const tag = confirms?.nextTag()
    try {
      const written = contextApi.with(beneath, () =>
        publish(exchange, routingKey, content, copy, ...answered),
      )
      if (tag === undefined) span.end()
      else {
        const key = copy?.mandatory ? returnKey(exchange, routingKey, copy.headers) : undefined
        confirms?.await(tag, span, key)
      }
      return written
    } catch (error) {
      span.end({ failure: { error } })
      throw error
    }
  })
}

/** The arguments after the options, with the application's callback, if there is one, in the context of the call. */
function bound(caller: ReturnType<typeof contextApi.active>, rest: readonly unknown[]): readonly unknown[] {
  const [callback, ...others] = rest
  if (typeof callback !== 'function') return rest
  const inContext = (...answer: unknown[]): unknown =>
    contextApi.with(caller, callback as (...answer: unknown[]) => unknown, undefined, ...answer)
  return [inContext, ...others]
}
