import {
  createTelemetry,
  patchMethod,
  process,
  recordGetter,
  send,
  WaybillTypeError,
  type Destination,
  type Incoming,
  type Telemetry,
  type TelemetryOptions,
} from '@waybill/core/adapter'
import { VERSION } from './version.ts'

const SCOPE = {
  packageName: '@waybill/bullmq',
  functionName: 'traceRelay',
  version: VERSION,
  system: 'bullmq',
} as const

/** A relay's message has no place but its data, so that is put into an envelope under this one name. */
const ENVELOPE = 'waybill:envelope'

/** Options of `traceRelay`, besides those of every adapter. */
export interface RelayOptions extends TelemetryOptions {
  /** Low-cardinality form of a topic, for span names and metrics (`jobs.42.progress`: `jobs.*.progress`). Default none. */
  readonly template?: (topic: string) => string | undefined
}

interface Message {
  readonly topic: string
  readonly data: unknown
  readonly mid: string
  /** Epoch ms by the publisher's clock. */
  readonly ts: number
  readonly retained: boolean
}
type Listener = (message: Message) => unknown
type Publish = (topic: string, data: unknown, ...rest: unknown[]) => Promise<unknown>
type Subscribe = (pattern: string, listener: Listener) => Promise<unknown>

/** The slice of BullMQ's `Relay` that is patched. */
export interface RelayLike {
  readonly nodeId?: string
  publish(topic: never, data: never, options?: never): Promise<unknown>
  subscribe(pattern: never, listener: never): Promise<unknown>
}

/**
 * Traces a BullMQ 6 `Relay`: patches this one instance and returns it. Every publish is a PRODUCER span, every delivery to
 * a listener a CONSUMER span in the same trace, with the time in between. Both sides must be traced, since the data
 * travels in an envelope: a relay that is not sees `{ "waybill:envelope": …, data }`. Experimental, as `Relay` is.
 *
 * @throws WaybillTypeError if `relay` is none, or on a bad option
 * @example
 * const relay = traceRelay(new Relay({ connection }))
 */
export function traceRelay<R extends RelayLike>(relay: R, options: RelayOptions = {}): R {
  if (typeof relay?.publish !== 'function' || typeof relay.subscribe !== 'function')
    throw new WaybillTypeError(SCOPE, "BullMQ's Relay", relay, 'Pass an instance of Relay (BullMQ 6).')
  const telemetry = createTelemetry(SCOPE, options, {
    template: (value) => (typeof value === 'function' ? undefined : 'a function'),
  })
  const destinationOf = (topic: string): Destination => ({ name: topic, template: options.template?.(topic) })

  patchMethod(relay as RelayLike, 'publish', (original) => {
    const publish = original as unknown as Publish
    const traced: Publish = (topic, data, ...rest) =>
      send(
        telemetry,
        { operation: 'publish', destination: destinationOf(topic) },
        (sending) => {
          const sent = sending === undefined ? data : { [ENVELOPE]: sending.stamp().fields, data }
          return publish(topic, sent, ...rest)
        },
        (answer) => ({ messageId: (answer as { mid?: string } | undefined)?.mid }),
      )
    return traced as RelayLike['publish']
  })
  patchMethod(relay as RelayLike, 'subscribe', (original) => {
    const subscribe = original as unknown as Subscribe
    const traced: Subscribe = (pattern, listener) =>
      subscribe(pattern, (message) =>
        deliver(telemetry, destinationOf(message.topic), relay.nodeId, message, listener),
      )
    return traced as RelayLike['subscribe']
  })
  return relay
}

function deliver(
  telemetry: Telemetry,
  destination: Destination,
  clientId: string | undefined,
  message: Message,
  listener: Listener,
): unknown {
  const { [ENVELOPE]: fields, data } = (message.data ?? {}) as Record<string, unknown>
  const isOurs =
    typeof fields === 'object' && fields !== null && Object.hasOwn(message.data as object, 'data')
  const delivered = isOurs ? { ...message, data } : message
  const incoming: Incoming = {
    operation: 'deliver',
    destination,
    carrier: isOurs ? fields : undefined,
    getter: recordGetter as Incoming['getter'],
    messageId: message.mid,
    clientId,
    times: [{ at: message.ts, clock: 'producer' }],
    // Kept for whoever comes later, perhaps for days: nobody made it wait.
    unknown: message.retained ? 'replayed' : undefined,
    relation: message.retained ? 'link' : 'parent',
  }
  return process(telemetry, incoming, () => listener(delivered))
}
