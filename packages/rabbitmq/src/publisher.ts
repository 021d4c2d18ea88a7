import { patchMethod, send, type Telemetry } from '@waybill/core/adapter'
import { outgoingOf, stampedOptions, type PublishOptions } from './publishing.ts'

/** Where and how rabbitmq-client is to publish: a queue's name, or an object with the properties among the rest. */
interface Envelope extends PublishOptions {
  readonly exchange?: string
  readonly routingKey?: string
}
/** What rabbitmq-client agrees on by default, whose publishers do not show what was negotiated. */
const FRAME_SIZE = 8192

type Send = (envelope: Envelope | string, body: unknown, ...rest: unknown[]) => unknown

/** Traces what a publisher, or an RPC client, of rabbitmq-client sends; a second call does nothing. */
export function tracePublisher(telemetry: Telemetry, publisher: object): void {
  patchMethod(
    publisher as { send: Send },
    'send',
    (original) =>
      (envelope, ...rest) =>
        sendEnvelope(telemetry, envelope, (stamped) => original(stamped, ...(rest as [unknown]))),
  )
}

/** Runs one send of rabbitmq-client in a span of its own. */
export function sendEnvelope<T>(
  telemetry: Telemetry,
  envelope: Envelope | string | undefined,
  call: (envelope: Envelope) => T,
): T {
  const given: Envelope = typeof envelope === 'string' ? { routingKey: envelope } : (envelope ?? {})
  const { exchange = '', routingKey = '' } = given
  return send(telemetry, outgoingOf(exchange, routingKey, given, {}), (sending) =>
    call(sending === undefined ? given : stampedOptions(telemetry, given, sending, FRAME_SIZE)),
  )
}
