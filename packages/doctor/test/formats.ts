// Writers of the formats that the doctor reads, after the public definitions of each; each takes spans as read from OTLP.
import type { AttributeValue, RawSpan } from '../src/input/raw-span.ts'

type Pairs = Readonly<Record<string, AttributeValue>>

/** How a format spells ids, kinds and numbers. */
interface Dialect {
  readonly id: (hex: string) => string
  readonly kind: (kind: RawSpan['kind']) => string | number
  readonly int: (value: number) => string | number
}

const KINDS = ['', 'INTERNAL', 'SERVER', 'CLIENT', 'PRODUCER', 'CONSUMER']
const plain: Dialect = { id: (hex) => hex, kind: (kind) => KINDS.indexOf(kind), int: String }
/** As protobuf's own JSON mapping has it. */
const protobuf: Dialect = {
  id: (hex) => Buffer.from(hex, 'hex').toString('base64'),
  kind: (kind) => `SPAN_KIND_${kind}`,
  int: (value) => value,
}
/** As Tempo's own test data has it. */
const upper: Dialect = { ...protobuf, id: (hex) => hex.toUpperCase() }

export const writers: Readonly<Record<string, (spans: readonly RawSpan[]) => string>> = {
  'OTLP JSON': (spans) => JSON.stringify({ resourceSpans: resourceSpans(spans, plain) }, null, 2),
  'OTLP JSON lines': (spans) =>
    spans.map((span) => `${JSON.stringify({ resourceSpans: resourceSpans([span], plain) })}\n`).join(''),
  'Tempo v1': (spans) => JSON.stringify({ batches: resourceSpans(spans, protobuf) }),
  'Tempo v2': (spans) =>
    JSON.stringify({ trace: { resourceSpans: resourceSpans(spans, upper) }, status: 'COMPLETE' }),
  Jaeger: (spans) => JSON.stringify({ data: jaeger(spans) }),
  'Jaeger v3': (spans) => JSON.stringify({ result: { resourceSpans: resourceSpans(spans, plain) } }),
  'Zipkin v2': (spans) => JSON.stringify(zipkin(spans)),
}

function resourceSpans(spans: readonly RawSpan[], dialect: Dialect): object[] {
  return spans.map((span) => ({
    resource: { attributes: pairs(span.resource, dialect) },
    scopeSpans: [{ scope: { name: span.scope }, spans: [otlp(span, dialect)] }],
  }))
}

function otlp(span: RawSpan, dialect: Dialect): object {
  const { id, kind } = dialect
  return {
    traceId: id(span.traceId),
    spanId: id(span.spanId),
    ...(span.parentSpanId !== undefined && { parentSpanId: id(span.parentSpanId) }),
    name: span.name,
    kind: kind(span.kind),
    flags: span.flags,
    startTimeUnixNano: `${span.start}000`,
    ...(span.end !== undefined && { endTimeUnixNano: `${span.end}000` }),
    attributes: pairs(span.attributes, dialect),
    links: span.links.map((link) => ({
      traceId: id(link.traceId),
      spanId: id(link.spanId),
      attributes: pairs(link.attributes, dialect),
    })),
    droppedLinksCount: span.droppedLinks,
    status: {},
  }
}

function pairs(attributes: Pairs, dialect: Dialect): object[] {
  return Object.entries(attributes).map(([key, value]) => ({ key, value: valueOf(value, dialect) }))
}

function valueOf(value: AttributeValue, dialect: Dialect): object {
  if (typeof value === 'string') return { stringValue: value }
  if (typeof value === 'boolean') return { boolValue: value }
  if (typeof value === 'number')
    return Number.isInteger(value) ? { intValue: dialect.int(value) } : { doubleValue: value }
  return { arrayValue: { values: (value as AttributeValue[]).map((item) => valueOf(item, dialect)) } }
}

function jaeger(spans: readonly RawSpan[]): object[] {
  const traces = new Map<string, RawSpan[]>()
  for (const span of spans) traces.set(span.traceId, [...(traces.get(span.traceId) ?? []), span])
  return [...traces].map(([traceId, list]) => {
    const services = [...new Set(list.map(serviceOf))]
    return {
      traceID: unpadded(traceId),
      spans: list.map((span) => jaegerSpan(span, services)),
      processes: Object.fromEntries(services.map((name, i) => [`p${i}`, { serviceName: name, tags: [] }])),
      warnings: null,
    }
  })
}

function jaegerSpan(span: RawSpan, services: readonly string[]): object {
  const reference = (refType: string, traceId: string, spanId: string): object => ({
    refType,
    traceID: unpadded(traceId),
    spanID: unpadded(spanId),
  })
  return {
    traceID: unpadded(span.traceId),
    spanID: unpadded(span.spanId),
    operationName: span.name,
    references: [
      ...(span.parentSpanId === undefined ? [] : [reference('CHILD_OF', span.traceId, span.parentSpanId)]),
      ...span.links.map((link) => reference('FOLLOWS_FROM', link.traceId, link.spanId)),
    ],
    startTime: span.start,
    duration: (span.end ?? span.start) - span.start,
    tags: [
      ...Object.entries(span.attributes).map(([key, value]) => jaegerTag(key, value)),
      ...(span.kind === 'INTERNAL' ? [] : [jaegerTag('span.kind', span.kind.toLowerCase())]),
      jaegerTag('otel.scope.name', span.scope),
    ],
    logs: [],
    processID: `p${services.indexOf(serviceOf(span))}`,
    warnings: null,
  }
}

function jaegerTag(key: string, value: AttributeValue): object {
  if (typeof value === 'boolean') return { key, type: 'bool', value }
  if (typeof value !== 'number') return { key, type: 'string', value: text(value) }
  if (!Number.isInteger(value)) return { key, type: 'float64', value }
  return { key, type: 'int64', value: Math.abs(value) > Number.MAX_SAFE_INTEGER ? String(value) : value }
}

function unpadded(id: string): string {
  return id.replace(/^0+/, '')
}

function zipkin(spans: readonly RawSpan[]): object[] {
  return spans.map((span) => ({
    traceId: span.traceId,
    id: span.spanId,
    ...(span.parentSpanId !== undefined && { parentId: span.parentSpanId }),
    name: span.name,
    ...(span.kind !== 'INTERNAL' && { kind: span.kind }),
    timestamp: span.start,
    duration: (span.end ?? span.start) - span.start,
    localEndpoint: { serviceName: serviceOf(span) },
    tags: {
      ...Object.fromEntries(Object.entries(span.attributes).map(([key, value]) => [key, text(value)])),
      'otel.scope.name': span.scope,
    },
  }))
}

function serviceOf(span: RawSpan): string {
  return text(span.resource['service.name'] ?? '')
}

function text(value: AttributeValue): string {
  return typeof value === 'object' ? JSON.stringify(value) : String(value)
}
