import { context as contextApi } from '@opentelemetry/api'
import {
  beginSend,
  createTelemetry,
  isAutoInstrumented,
  isPatched,
  patchMethod,
  recordGetter,
  reportAutoInstrumented,
  safely,
  stampRecord,
  suppressed,
  type Outgoing,
  type Sending,
  type Telemetry,
  type TelemetryOptions,
} from '@waybill/core/adapter'
import { assertChannel, PEER, serverOf } from './channel.ts'
import { confirmsOf } from './confirm.ts'
import { publishedTo } from './destination.ts'
import { identityOf } from './identity.ts'
import { ATTR_ROUTING_KEY } from './semconv.ts'
import type { PublishingChannel } from './types.ts'
import { VERSION } from './version.ts'

const SCOPE = {
  packageName: '@waybill/rabbitmq',
  functionName: 'traceProducer',
  version: VERSION,
  system: 'rabbitmq',
} as const

interface PublishOptions {
  readonly headers?: Readonly<Record<string, unknown>>
  readonly messageId?: unknown
  readonly correlationId?: unknown
}
type Publish = (
  exchange: string,
  routingKey: string,
  content: Buffer,
  options?: PublishOptions,
  ...rest: unknown[]
) => boolean

/**
 * Traces every `publish` and `sendToQueue` of one amqplib channel: a PRODUCER span `publish {exchange}:{routing key}`, and
 * `traceparent`, `tracestate`, `baggage` and `waybill` as message headers. On a confirm channel the span ends at the
 * broker's confirm, and a nack or a lost channel is its error; on a plain channel it ends when `publish` returns. The
 * channel is patched in place and returned; a second call does nothing.
 *
 * @throws WaybillTypeError if `channel` has no `publish`, or on a bad option
 * @example
 * const channel = traceProducer(await connection.createConfirmChannel())
 * channel.sendToQueue('orders', Buffer.from('42'))
 */
export function traceProducer<C extends PublishingChannel>(channel: C, options?: TelemetryOptions): C {
  const telemetry = createTelemetry(SCOPE, options)
  assertChannel(SCOPE, channel, ['publish'])
  if (isPatched(channel, 'publish')) return channel
  const target = channel as unknown as { publish: Publish }
  const isInstrumented = isAutoInstrumented(target.publish)
  if (isInstrumented) reportAutoInstrumented(telemetry.log, PEER)
  const server = serverOf(channel)
  const outgoing = (exchange: string, routingKey: string, options?: PublishOptions): Outgoing => ({
    operation: 'publish',
    destination: publishedTo(exchange, routingKey),
    ...identityOf(options),
    details: () => ({ ...server, ...(routingKey !== '' && { [ATTR_ROUTING_KEY]: routingKey }) }),
  })

  // sendToQueue calls this.publish, so that one patch covers both.
  patchMethod(target, 'publish', (publish) => {
    const confirms = confirmsOf(channel)
    return (exchange, routingKey, content, options, ...rest) => {
      const sending = beginSend(telemetry, outgoing(exchange, routingKey, options))
      if (sending === undefined) return publish(exchange, routingKey, content, options, ...rest)
      const observed = confirms?.observe(sending, rest[0])
      const confirmed = observed === undefined ? rest : [observed, ...rest.slice(1)]
      const beneath = isInstrumented ? suppressed(sending.context) : sending.context
      try {
        const copy = stamped(telemetry, options, sending)
        const written = contextApi.with(beneath, () =>
          publish(exchange, routingKey, content, copy, ...confirmed),
        )
        if (observed === undefined) sending.end()
        return written
      } catch (error) {
        sending.end({ failure: { error } })
        throw error
      }
    }
  })
  return channel
}

/** A copy of the options with our fields in its headers; what the caller gave is only read. */
function stamped(
  telemetry: Telemetry,
  options: PublishOptions | undefined,
  sending: Sending,
): PublishOptions | undefined {
  return safely(telemetry.log, 'writing headers', options, () => {
    const headers = stampRecord(options?.headers, sending.stamp(options?.headers, recordGetter))
    if (options === undefined || options === null || isPlain(options)) return { ...options, headers }
    // An instance of a class may answer from its prototype: the client sees that through ours.
    return Object.create(options, {
      headers: { value: headers, enumerable: true, writable: true },
    }) as PublishOptions
  })
}

function isPlain(options: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(options)
  return prototype === Object.prototype || prototype === null
}
