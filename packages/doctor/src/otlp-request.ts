// OTLP's JSON encoding of spans, written: https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding
import { flagsOf, type SdkSpan } from './input/sdk-span.ts'

/** The body of an OTLP/JSON export. */
export interface OtlpRequest {
  readonly resourceSpans: readonly object[]
}

/** Spans of one SDK as the body of an OTLP/JSON export, grouped by resource and scope. */
export function otlpRequest(spans: readonly SdkSpan[]): OtlpRequest {
  const resources = new Map<unknown, Map<string, SdkSpan[]>>()
  for (const span of spans) {
    const scopes = resources.get(span.resource) ?? new Map<string, SdkSpan[]>()
    resources.set(span.resource, scopes)
    const { name, version = '' } = span.instrumentationScope
    const key = `${name}\0${version}`
    scopes.set(key, [...(scopes.get(key) ?? []), span])
  }
  return {
    resourceSpans: [...resources.values()].map((scopes) => {
      const [first] = [...scopes.values()].flat()
      return {
        resource: { attributes: pairsOf(first?.resource?.attributes ?? {}) },
        scopeSpans: [...scopes.values()].map((list) => ({
          scope: scopeOf(list[0]),
          spans: list.map(spanOf),
        })),
      }
    }),
  }
}

function scopeOf(span: SdkSpan | undefined): object {
  const { name = '', version } = span?.instrumentationScope ?? {}
  return { name, ...(version !== undefined && { version }) }
}

function spanOf(span: SdkSpan): object {
  const { traceId, spanId, traceState } = span.spanContext()
  const { code, message } = span.status
  return {
    traceId,
    spanId,
    ...(traceState !== undefined && { traceState: traceState.serialize() }),
    ...(span.parentSpanContext && { parentSpanId: span.parentSpanContext.spanId }),
    flags: flagsOf(span),
    name: span.name,
    // OTLP counts from 1, the API from 0.
    kind: span.kind + 1,
    startTimeUnixNano: nanoseconds(span.startTime),
    endTimeUnixNano: nanoseconds(span.endTime),
    attributes: pairsOf(span.attributes),
    droppedAttributesCount: span.droppedAttributesCount ?? 0,
    events: span.events.map(({ name, attributes = {}, time = span.startTime }) => ({
      name,
      timeUnixNano: nanoseconds(time),
      attributes: pairsOf(attributes),
    })),
    droppedEventsCount: span.droppedEventsCount ?? 0,
    links: span.links.map((link) => ({
      traceId: link.context.traceId,
      spanId: link.context.spanId,
      attributes: pairsOf(link.attributes ?? {}),
      flags: link.context.isRemote === true ? 0x301 : 0x101,
    })),
    droppedLinksCount: span.droppedLinksCount ?? 0,
    status: { code, ...(message !== undefined && message !== '' && { message }) },
  }
}

function nanoseconds([seconds, nanos]: readonly [number, number]): string {
  return `${seconds}${String(Math.floor(nanos)).padStart(9, '0')}`
}

function pairsOf(attributes: object): object[] {
  return Object.entries(attributes).flatMap(([key, value]: [string, unknown]) => {
    const encoded = valueOf(value)
    return encoded === undefined ? [] : [{ key, value: encoded }]
  })
}

function valueOf(value: unknown): object | undefined {
  if (typeof value === 'string') return { stringValue: value }
  if (typeof value === 'boolean') return { boolValue: value }
  if (typeof value === 'number') {
    // int64 is text in JSON; JSON has no word for what is no number.
    if (Number.isSafeInteger(value)) return { intValue: String(value) }
    return { doubleValue: Number.isFinite(value) ? value : String(value) }
  }
  if (Array.isArray(value)) {
    return { arrayValue: { values: value.map((item: unknown) => valueOf(item) ?? {}) } }
  }
  if (value instanceof Uint8Array) return { bytesValue: Buffer.from(value).toString('base64') }
  if (typeof value === 'object' && value !== null) return { kvlistValue: { values: pairsOf(value) } }
  return undefined
}
