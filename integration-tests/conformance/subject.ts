import type { TelemetryOptions } from '@waybill/core'
import type { Broker } from '@waybill/brokers'

/** A message as the conformance suite sends it; headers are what the application itself puts there. */
export interface TestMessage {
  readonly body: string
  readonly headers?: Readonly<Record<string, unknown>>
}

/** One destination of its own on a broker, with a traced producer and a traced consumer. */
export interface Session {
  /** `messaging.destination.name` on the producer's span. */
  readonly destination: string
  /** `messaging.destination.name` on the consumer's span. */
  readonly source: string
  /** Sends through the traced client; settles as the client's own call does (a confirm where there is one). */
  readonly send: (message: TestMessage) => Promise<unknown>
  /** Sends with these exact headers through a client that is not traced, as a foreign producer would. */
  readonly sendBare: (message: TestMessage) => Promise<unknown>
  /** Starts the traced consumer; every message goes to `handler`, whose result the client gets. Ready when settled. */
  readonly consume: (handler: (body: string) => unknown) => Promise<void>
  /** The broker's own clock, epoch ms: when the last message became ready for delivery. `undefined`: it keeps no such time. */
  readonly arrivedAt: () => Promise<number | undefined>
  /** The broker's own clock now, epoch ms. */
  readonly brokerNow: () => Promise<number>
  /** Ends clients and removes what was made on the broker. */
  readonly close: () => Promise<void>
}

/** What a broker's file declares: its name, what is particular to it, and how a session is opened. */
export interface Subject {
  /** First word of the test titles: `kafka`. */
  readonly name: string
  /** Which broker to run on; absent for one that lives in this process. */
  readonly broker?: Broker['name']
  readonly systemName: string
  /** `{operation} ` of the span names, e.g. `send` and `process`. */
  readonly operations: { readonly send: string; readonly process: string }
  /** Whether the client can send this header at all; the hostile table is filtered by it. */
  readonly accepts: (value: unknown, name: string) => boolean
  /** False where a carrier can hold a name only once, or an adapter has no place for application headers. */
  readonly applicationHeaders: boolean
  /** Whether the client delivers a message again after its handler failed. */
  readonly redelivers: boolean
  /** Whether the adapter knows when a retry became ready, since it saw the attempt before. Default false: unknown. */
  readonly knowsRetryWait?: boolean
  readonly open: (url: string, options: TelemetryOptions) => Promise<Session>
}
