import {
  recordGetter,
  safely,
  stampRecord,
  type Outgoing,
  type Sending,
  type Telemetry,
} from '@waybill/core/adapter'
import { deathMark, deathsOf } from './deaths.ts'
import { publishedTo } from './destination.ts'
import { fitFrame } from './header-frame.ts'
import { identityOf } from './identity.ts'
import { ATTR_ROUTING_KEY } from './semconv.ts'

/** The properties that a message is published with, as far as we read them. */
export interface PublishOptions {
  readonly headers?: Readonly<Record<string, unknown>>
  readonly messageId?: unknown
  readonly correlationId?: unknown
  readonly mandatory?: unknown
}

/** Describes one published message to core. */
export function outgoingOf(
  exchange: string,
  routingKey: string,
  options: PublishOptions | null | undefined,
  server: Record<string, string | number>,
): Outgoing {
  return {
    operation: 'publish',
    destination: publishedTo(exchange, routingKey),
    ...identityOf(options),
    details: () => ({ ...server, ...(routingKey !== '' && { [ATTR_ROUTING_KEY]: routingKey }) }),
  }
}

/** A copy of the options with our fields in its headers; what the caller gave is only read. */
export function stampedOptions<O extends PublishOptions | null | undefined>(
  telemetry: Telemetry,
  options: O,
  sending: Sending,
  frameSize: number,
): O {
  return safely(telemetry.log, 'writing headers', options, () => {
    const before = options?.headers
    const deaths = before === undefined || before === null ? undefined : deathsOf(before)
    const stamp = sending.stamp(
      before,
      recordGetter,
      deaths === undefined ? undefined : { op: deathMark(deaths) },
    )
    const headers = stampRecord(before, stamp)
    fitFrame(telemetry, headers, stamp, options, frameSize)
    if (options === undefined || options === null || isPlain(options)) return { ...options, headers } as O
    // An instance of a class may answer from its prototype: the client sees that through ours.
    return Object.create(options, {
      headers: { value: headers, enumerable: true, writable: true },
    }) as O
  })
}

function isPlain(options: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(options)
  return prototype === Object.prototype || prototype === null
}
