import type { SpanContext, TextMapGetter, TextMapPropagator } from '@opentelemetry/api'
import { recordGetter } from './carrier.ts'
import { readDatadogContext } from './datadog.ts'
import { readContext, remoteContext } from './remote-context.ts'

/**
 * Whose own carriers are read where a message has no context that the propagator reads. `appsignal` is of BullMQ only,
 * `strands` of MCP only.
 */
export type ForeignCarrier = 'datadog' | 'sentry' | 'cloudevents' | 'appsignal' | 'strands'

export const FOREIGN_CARRIERS: readonly ForeignCarrier[] = [
  'datadog',
  'sentry',
  'cloudevents',
  'appsignal',
  'strands',
]

/** Which fallbacks are on. */
export interface ForeignOptions {
  readonly foreignCarriers: readonly ForeignCarrier[]
  readonly extraHeaderNames: readonly string[]
}

/** A trace context that another vendor's library has written in its own way. */
export interface ForeignContext {
  readonly context: SpanContext
  /** It tells where the journey began and not where the message comes from: to be linked, not to be a parent. */
  readonly linkOnly: boolean
}

/** The extension `traceparent` of CloudEvents, as the bindings for Kafka, HTTP and AMQP write attributes into headers. */
const CLOUDEVENT = ['ce_traceparent', 'ce-traceparent', 'cloudevents_traceparent', 'cloudevents:traceparent']

/**
 * The context in a carrier that has none of its own kind: W3C under another name first, then Datadog's, Sentry's, and last
 * that of a CloudEvent. May throw what the getter or the propagator throws.
 */
export function readForeignContext<C>(
  carrier: C,
  getter: TextMapGetter<C>,
  propagator: TextMapPropagator,
  { foreignCarriers, extraHeaderNames }: ForeignOptions,
): ForeignContext | undefined {
  const read = (name: string): string | undefined => getter.get(carrier, name) as string | undefined
  const w3cUnder = (names: readonly string[]): SpanContext | undefined => {
    for (const name of names) {
      // The getter takes any letter case of a name in lower case.
      const traceparent = read(name.toLowerCase())
      const found =
        traceparent === undefined ? undefined : readContext({ traceparent }, recordGetter, propagator)
      if (found !== undefined) return found
    }
    return undefined
  }
  const reads = (who: ForeignCarrier): boolean => foreignCarriers.includes(who)
  const parent =
    w3cUnder(extraHeaderNames) ??
    (reads('datadog') ? readDatadogContext(carrier, getter) : undefined) ??
    (reads('sentry') ? parseSentryTrace(read('sentry-trace')) : undefined)
  if (parent !== undefined) return { context: parent, linkOnly: false }
  const event = reads('cloudevents') ? w3cUnder(CLOUDEVENT) : undefined
  return event && { context: event, linkOnly: true }
}

const SENTRY_TRACE = /^([0-9a-f]{32})-([0-9a-f]{16})(?:-([01]))?$/

/**
 * Sentry's `<trace id>-<span id>-<sampled>`; `undefined` for anything else. Where the decision was left to the receiver it
 * is sampled: whoever gets the message decides then.
 */
export function parseSentryTrace(value: string | undefined): SpanContext | undefined {
  const [, traceId = '', spanId = '', sampled] = SENTRY_TRACE.exec(value ?? '') ?? []
  return remoteContext(traceId, spanId, sampled !== '0')
}
