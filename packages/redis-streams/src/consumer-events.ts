import { safely, type Telemetry } from '@waybill/core/adapter'
import type { ConsumedEntry, DeadLetter } from './consumer-options.ts'

/** What a consumer tells about itself. */
export interface ConsumerEvents<V = string> {
  /** The groups are there, and reading begins. */
  readonly ready: { readonly consumer: string }
  readonly processed: { readonly entry: ConsumedEntry<V> }
  /** A handler threw. */
  readonly failed: { readonly entry: ConsumedEntry<V>; readonly error: unknown }
  /** Entries that had been left pending were taken over. */
  readonly claimed: { readonly stream: string; readonly ids: readonly string[] }
  /** Pending entries were found deleted or trimmed, and forgotten. */
  readonly deleted: { readonly stream: string; readonly ids: readonly string[] }
  readonly deadLettered: { readonly entry: ConsumedEntry<V>; readonly letter: DeadLetter }
  /** A group that had gone was created again. */
  readonly healed: { readonly stream: string; readonly from: string }
  /** A command or connection failed; it is tried again. Without a listener it goes to `diag`. */
  readonly error: {
    readonly during: 'connection' | 'read' | 'ack' | 'claim' | 'heartbeat' | 'dead letter' | 'release'
    readonly error: unknown
  }
  readonly stopped: { readonly unfinished: number }
}

export type EventName = keyof ConsumerEvents

/** Listeners by event; none of them can disturb the consumer. */
export interface Emitter<V> {
  on<N extends EventName>(name: N, listener: (event: ConsumerEvents<V>[N]) => void): () => void
  emit<N extends EventName>(name: N, event: ConsumerEvents<V>[N]): void
}

export function createEmitter<V>(telemetry: Telemetry): Emitter<V> {
  const { log } = telemetry
  const listeners = new Map<EventName, Set<(event: never) => void>>()
  return {
    on(name, listener) {
      const set = listeners.get(name) ?? new Set()
      listeners.set(name, set.add(listener))
      return () => void set.delete(listener)
    },
    emit(name, event) {
      const set = listeners.get(name)
      if (set === undefined || set.size === 0) {
        if (name === 'error') log.warn('consumer', event)
        return
      }
      for (const listener of set) {
        safely(log, `a listener of '${name}'`, undefined, () => {
          listener(event as never)
        })
      }
    },
  }
}
