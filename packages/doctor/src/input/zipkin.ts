// Zipkin v2: https://zipkin.io/zipkin-api/. It has no links, no kind INTERNAL, and only text in its tags.
import { spanIdOf, traceIdOf } from './identifiers.ts'
import type { Attributes, AttributeValue, SpanKind, SpanSink } from './raw-span.ts'
import { endOf, isTime, numberOf, objectOf, objectsOf, textOf, type Json } from './shape.ts'

/** Hands every span of the list to `sink`. Gives the number that could not be read. */
export function readZipkin(spans: readonly unknown[], sink: SpanSink): number {
  let unreadable = 0
  for (const span of objectsOf(spans)) if (!readSpan(span, sink)) unreadable++
  return unreadable
}

function readSpan(span: Json, sink: SpanSink): boolean {
  const traceId = traceIdOf(span['traceId'])
  const spanId = spanIdOf(span['id'])
  const start = numberOf(span['timestamp'], Number.NaN)
  if (traceId === undefined || spanId === undefined || !isTime(start)) return false
  const tags = tagsOf(span['tags'])
  sink({
    traceId,
    spanId,
    parentSpanId: spanIdOf(span['parentId']),
    name: textOf(span['name']),
    kind: kindOf(span['kind']),
    start,
    end: endOf(start, numberOf(span['duration'])),
    flags: 0,
    traceState: '',
    attributes: tags,
    // Resource attributes are among the tags.
    resource: { ...tags, 'service.name': textOf(objectOf(span['localEndpoint'])?.['serviceName']) },
    scope: textOf(tags['otel.scope.name'] ?? tags['otel.library.name']),
    links: [],
    droppedLinks: numberOf(tags['otel.dropped_links_count']),
    events: objectsOf(span['annotations']).map(({ value }) => ({ name: textOf(value), attributes: {} })),
    failed: tags['error'] !== undefined || tags['otel.status_code'] === 'ERROR',
    adjusted: false,
  })
  return true
}

function kindOf(kind: unknown): SpanKind {
  return kind === 'SERVER' || kind === 'CLIENT' || kind === 'PRODUCER' || kind === 'CONSUMER'
    ? kind
    : 'INTERNAL'
}

function tagsOf(value: unknown): Attributes {
  const tags: Record<string, AttributeValue> = {}
  for (const [key, tag] of Object.entries(objectOf(value) ?? {})) {
    if (key !== '__proto__' && typeof tag === 'string') tags[key] = tag
  }
  return tags
}
