import { createContextKey, type Context, type SpanContext } from '@opentelemetry/api'
import type { Destination } from './destination.ts'

// The API derives a registered symbol from the text, so two copies of this package share the key.
const JOURNEY_KEY = createContextKey('waybill.journey')

/** What a handler's context remembers of the message that it handles. */
export interface Journey {
  /** Epoch ms of the first send; carried on by what the handler publishes. */
  readonly origin: number | undefined
  /** Creation context of the message, by which headers copied from it are recognised. */
  readonly creation: SpanContext | undefined
  /** The carrier itself, by whose identity an adapter recognises the message. */
  readonly carrier?: unknown
  /** Number of this delivery, where it is known. */
  readonly attempt?: number | undefined
  /** Where it was delivered. */
  readonly destination?: Destination | undefined
}

/** The journey of the message that is handled in this context. */
export function journeyOf(context: Context): Journey | undefined {
  return context.getValue(JOURNEY_KEY) as Journey | undefined
}

/** A context whose sends continue that journey. */
export function withJourney(context: Context, journey: Journey): Context {
  return new JourneyContext(context, journey)
}

/** One value more, without copying those that the context has: the API's own copies them all, for every message. */
class JourneyContext implements Context {
  readonly #parent: Context
  readonly #journey: Journey
  constructor(parent: Context, journey: Journey) {
    this.#parent = parent
    this.#journey = journey
  }
  getValue(key: symbol): unknown {
    return key === JOURNEY_KEY ? this.#journey : this.#parent.getValue(key)
  }
  setValue(key: symbol, value: unknown): Context {
    const changed = this.#parent.setValue(key, value)
    return key === JOURNEY_KEY ? changed : new JourneyContext(changed, this.#journey)
  }
  deleteValue(key: symbol): Context {
    const changed = this.#parent.deleteValue(key)
    return key === JOURNEY_KEY ? changed : new JourneyContext(changed, this.#journey)
  }
}
