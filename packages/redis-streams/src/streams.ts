import type { Telemetry } from '@waybill/core/adapter'
import type { Source } from './delivery.ts'
import type { ClientPort } from './commands.ts'
import type { Emitter } from './consumer-events.ts'
import type { HeldEntry } from './entries-in-hand.ts'

/** One stream that is consumed. */
export interface Stream {
  /** As the application named it. */
  readonly name: string
  /** As the server knows it, with any prefix. */
  readonly key: string
  readonly source: Source
  /** Entries delivered to us and not settled, by id. */
  readonly inHand: Map<string, HeldEntry>
  /** The newest id that we were given; where a group that has gone begins again. */
  lastId: string | undefined
}

/** What the parts of one consumer have in common. */
export interface Membership<V> {
  readonly telemetry: Telemetry
  readonly port: ClientPort
  readonly group: string
  readonly consumer: string
  readonly streams: readonly Stream[]
  readonly events: Emitter<V>
}
