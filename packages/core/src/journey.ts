import { createContextKey, type Context, type SpanContext } from '@opentelemetry/api'
import { withValue } from './context/value.ts'
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
  return withValue(context, JOURNEY_KEY, journey)
}
