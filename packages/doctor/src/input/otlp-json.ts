// The JSON encoding of OTLP: https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding
// Tempo and Jaeger's v3 API wrap the same; Tempo writes ids in base64, as plain protobuf-to-JSON does.
import { spanIdOf, traceIdOf } from './identifiers.ts'
import type { Attributes, AttributeValue, RawEvent, RawLink, SpanKind, SpanSink } from './raw-span.ts'
import { integerOf, isTime, numberOf, objectOf, objectsOf, textOf, type Json } from './shape.ts'

const KINDS: readonly SpanKind[] = ['INTERNAL', 'INTERNAL', 'SERVER', 'CLIENT', 'PRODUCER', 'CONSUMER']
const STATUS_ERROR = 2

/** Hands every span of a `resourceSpans` list (Tempo v1: `batches`) to `sink`. Gives the number that could not be read. */
export function readResourceSpans(resourceSpans: unknown, sink: SpanSink): number {
  let unreadable = 0
  for (const entry of objectsOf(resourceSpans)) {
    const resource = attributesOf(objectOf(entry['resource'])?.['attributes'])
    // The name before OTLP 0.19, which old fixtures of Tempo still have.
    const scopes = objectsOf(entry['scopeSpans'] ?? entry['instrumentationLibrarySpans'] ?? entry['ilSpans'])
    for (const scopeSpans of scopes) {
      const scope = textOf(objectOf(scopeSpans['scope'] ?? scopeSpans['instrumentationLibrary'])?.['name'])
      for (const span of objectsOf(scopeSpans['spans'])) {
        if (!readSpan(span, resource, scope, sink)) unreadable++
      }
    }
  }
  return unreadable
}

function readSpan(span: Json, resource: Attributes, scope: string, sink: SpanSink): boolean {
  const traceId = traceIdOf(span['traceId'])
  const spanId = spanIdOf(span['spanId'])
  const start = microseconds(span['startTimeUnixNano'])
  if (traceId === undefined || spanId === undefined || start === undefined) return false
  const end = microseconds(span['endTimeUnixNano'])
  sink({
    traceId,
    spanId,
    parentSpanId: spanIdOf(span['parentSpanId']),
    name: textOf(span['name']),
    kind: kindOf(span['kind']),
    start,
    end: end === 0 ? undefined : end,
    flags: numberOf(span['flags']),
    traceState: textOf(span['traceState']),
    attributes: attributesOf(span['attributes']),
    resource,
    scope,
    links: span['links'] === undefined ? [] : objectsOf(span['links']).flatMap(linkOf),
    droppedLinks: numberOf(span['droppedLinksCount']),
    events: span['events'] === undefined ? [] : objectsOf(span['events']).map(eventOf),
    failed: isError(objectOf(span['status'])?.['code']),
    adjusted: false,
  })
  return true
}

function isError(code: unknown): boolean {
  return code === STATUS_ERROR || code === 'STATUS_CODE_ERROR'
}

function kindOf(kind: unknown): SpanKind {
  if (typeof kind === 'string') {
    const name = kind.replace('SPAN_KIND_', '') as SpanKind
    return KINDS.includes(name) ? name : 'INTERNAL'
  }
  return KINDS[numberOf(kind)] ?? 'INTERNAL'
}

function linkOf(link: Json): RawLink[] {
  const traceId = traceIdOf(link['traceId'])
  const spanId = spanIdOf(link['spanId'])
  if (traceId === undefined || spanId === undefined) return []
  return [{ traceId, spanId, attributes: attributesOf(link['attributes']) }]
}

function eventOf(event: Json): RawEvent {
  return { name: textOf(event['name']), attributes: attributesOf(event['attributes']) }
}

/** Cut off as text: today's nanoseconds do not fit a double. `undefined` if it is no time. */
function microseconds(nanoseconds: unknown): number | undefined {
  if (typeof nanoseconds === 'string') {
    if (!/^\d+$/.test(nanoseconds)) return undefined
    return checked(nanoseconds.length > 3 ? Number(nanoseconds.slice(0, -3)) : 0)
  }
  return typeof nanoseconds === 'number' ? checked(Math.floor(nanoseconds / 1000)) : undefined
}

function checked(micros: number): number | undefined {
  return isTime(micros) ? micros : undefined
}

function attributesOf(list: unknown): Attributes {
  const attributes: Record<string, AttributeValue> = {}
  if (!Array.isArray(list)) return attributes
  for (const item of list) {
    const pair = objectOf(item)
    const key = pair?.['key']
    // A key `__proto__` would replace the object's prototype instead of being a key.
    if (typeof key === 'string' && key !== '__proto__') attributes[key] = valueOf(objectOf(pair?.['value']))
  }
  return attributes
}

function valueOf(value: Json | undefined): AttributeValue {
  if (value === undefined) return null
  if (value['stringValue'] !== undefined) return textOf(value['stringValue'])
  if (value['intValue'] !== undefined) return integerOf(value['intValue'])
  if (value['boolValue'] !== undefined) return value['boolValue'] === true
  if (value['doubleValue'] !== undefined) return numberOf(value['doubleValue'])
  const array = objectOf(value['arrayValue'])
  if (array !== undefined) return objectsOf(array['values']).map(valueOf)
  const list = objectOf(value['kvlistValue'])
  if (list !== undefined) return attributesOf(list['values'])
  return value['bytesValue'] === undefined ? null : textOf(value['bytesValue'])
}
