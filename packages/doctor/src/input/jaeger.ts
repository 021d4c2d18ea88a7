// What Jaeger's UI saves and its API /api/traces answers: `data[].spans[]` with `processes`.
import { spanIdOf, traceIdOf } from './identifiers.ts'
import type { Attributes, AttributeValue, RawEvent, RawLink, SpanKind, SpanSink } from './raw-span.ts'
import {
  endOf,
  integerOf,
  isTime,
  listOf,
  numberOf,
  objectOf,
  objectsOf,
  textOf,
  type Json,
} from './shape.ts'

/** Hands every span of Jaeger's `data` list to `sink`. Gives the number that could not be read. */
export function readJaeger(data: unknown, sink: SpanSink): number {
  let unreadable = 0
  for (const trace of objectsOf(data)) {
    const processes = objectOf(trace['processes']) ?? {}
    for (const span of objectsOf(trace['spans'])) {
      const process = objectOf(span['process']) ?? objectOf(processes[textOf(span['processID'])])
      if (!readSpan(span, process ?? {}, sink)) unreadable++
    }
  }
  return unreadable
}

function readSpan(span: Json, process: Json, sink: SpanSink): boolean {
  const traceId = traceIdOf(span['traceID'])
  const spanId = spanIdOf(span['spanID'])
  const start = numberOf(span['startTime'], Number.NaN)
  if (traceId === undefined || spanId === undefined || !isTime(start)) return false
  const tags = tagsOf(span['tags'])
  const references = referencesOf(span)
  const inTrace = references.filter((reference) => reference.traceId === traceId)
  const parent = inTrace.find(({ childOf }) => childOf) ?? inTrace[0]
  sink({
    traceId,
    spanId,
    parentSpanId: parent?.spanId ?? spanIdOf(span['parentSpanID']),
    name: textOf(span['operationName']),
    kind: kindOf(tags['span.kind']),
    start,
    end: endOf(start, numberOf(span['duration'])),
    flags: 0,
    traceState: textOf(tags['w3c.tracestate']),
    attributes: tags,
    resource: { ...tagsOf(process['tags']), 'service.name': textOf(process['serviceName']) },
    scope: textOf(tags['otel.scope.name'] ?? tags['otel.library.name']),
    links: references
      .filter((reference) => reference !== parent)
      .map(({ traceId, spanId }): RawLink => ({ traceId, spanId, attributes: {} })),
    droppedLinks: numberOf(tags['otel.dropped_links_count']),
    events: objectsOf(span['logs']).map(eventOf),
    failed: tags['error'] === true || tags['otel.status_code'] === 'ERROR',
    // The other warning of the adjuster, "clock skew adjustment disabled; not applying …", is about a span that stayed in
    // place and is given for every healthy queue hop.
    adjusted: listOf(span['warnings']).some((text) => /timestamps were adjusted by/i.test(textOf(text))),
  })
  return true
}

interface Reference {
  readonly traceId: string
  readonly spanId: string
  readonly childOf: boolean
}

function referencesOf(span: Json): Reference[] {
  return objectsOf(span['references']).flatMap((reference) => {
    const traceId = traceIdOf(reference['traceID'])
    const spanId = spanIdOf(reference['spanID'])
    if (traceId === undefined || spanId === undefined) return []
    return [{ traceId, spanId, childOf: reference['refType'] === 'CHILD_OF' }]
  })
}

function kindOf(tag: unknown): SpanKind {
  const kind = textOf(tag).toUpperCase()
  return kind === 'SERVER' || kind === 'CLIENT' || kind === 'PRODUCER' || kind === 'CONSUMER'
    ? kind
    : 'INTERNAL'
}

function tagsOf(list: unknown): Attributes {
  const tags: Record<string, AttributeValue> = {}
  for (const tag of objectsOf(list)) {
    const key = tag['key']
    if (typeof key === 'string' && key !== '__proto__') tags[key] = valueOf(tag)
  }
  return tags
}

function valueOf({ type, value }: Json): AttributeValue {
  if (type === 'int64') return integerOf(value)
  if (type === 'float64') return numberOf(value)
  if (type === 'bool') return value === true || value === 'true'
  if (typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean') return value
  return null
}

function eventOf(log: Json): RawEvent {
  const { event, ...attributes } = tagsOf(log['fields'])
  return { name: textOf(event), attributes }
}
