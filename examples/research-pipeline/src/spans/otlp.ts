// The JSON encoding of OTLP: https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding
import type { AttributeValue, ReceivedSpan } from './span.ts'

/** The body of an export, as far as it is read here; the rest is kept as it came. */
export interface ExportTraceServiceRequest {
  readonly resourceSpans: readonly ResourceSpans[]
}

interface ResourceSpans {
  readonly resource?: { readonly attributes?: readonly KeyValue[] }
  readonly scopeSpans?: readonly ScopeSpans[]
}

interface ScopeSpans {
  readonly scope?: { readonly name?: string }
  readonly spans?: readonly OtlpSpan[]
}

interface OtlpSpan {
  readonly traceId: string
  readonly spanId: string
  readonly parentSpanId?: string
  readonly name?: string
  readonly kind?: number
  readonly startTimeUnixNano: string | number
  readonly endTimeUnixNano: string | number
  readonly attributes?: readonly KeyValue[]
  readonly links?: readonly { readonly traceId: string; readonly spanId: string }[]
  readonly status?: { readonly code?: number }
}

interface KeyValue {
  readonly key: string
  readonly value?: AnyValue
}

interface AnyValue {
  readonly stringValue?: string
  readonly boolValue?: boolean
  readonly intValue?: string | number
  readonly doubleValue?: number | string
  readonly arrayValue?: { readonly values?: readonly AnyValue[] }
  readonly kvlistValue?: { readonly values?: readonly KeyValue[] }
  readonly bytesValue?: string
}

const STATUS_ERROR = 2

/** One export out of many, since each agent sends several. */
export function mergeExports(exports: readonly ExportTraceServiceRequest[]): ExportTraceServiceRequest {
  return { resourceSpans: exports.flatMap(({ resourceSpans }) => resourceSpans ?? []) }
}

/** All spans of an export, the earliest first. */
export function spansOf({ resourceSpans }: ExportTraceServiceRequest): ReceivedSpan[] {
  const spans = resourceSpans.flatMap(({ resource, scopeSpans }) => {
    const agent =
      resource?.attributes?.find(({ key }) => key === 'service.name')?.value?.stringValue ?? 'unknown'
    return (scopeSpans ?? []).flatMap(({ scope, spans }) =>
      (spans ?? []).map((span) => receivedSpan(span, agent, scope?.name ?? '')),
    )
  })
  return spans.toSorted((a, b) => a.start - b.start || a.end - b.end)
}

function receivedSpan(span: OtlpSpan, agent: string, scope: string): ReceivedSpan {
  return {
    traceId: span.traceId,
    spanId: span.spanId,
    // An exporter may write an empty id instead of none.
    ...(span.parentSpanId && { parentSpanId: span.parentSpanId }),
    name: span.name ?? '',
    kind: span.kind ?? 0,
    agent,
    scope,
    start: milliseconds(span.startTimeUnixNano),
    end: milliseconds(span.endTimeUnixNano),
    attributes: attributesOf(span.attributes),
    links: (span.links ?? []).map(({ traceId, spanId }) => ({ traceId, spanId })),
    failed: span.status?.code === STATUS_ERROR,
  }
}

/** A double holds today's nanoseconds to about a quarter of a microsecond only, so the nanoseconds are cut off first. */
function milliseconds(nanoseconds: string | number): number {
  return Number(BigInt(nanoseconds) / 1000n) / 1000
}

function attributesOf(list: readonly KeyValue[] = []): Record<string, AttributeValue> {
  return Object.fromEntries(list.map(({ key, value }) => [key, valueOf(value)]))
}

function valueOf(value: AnyValue = {}): AttributeValue {
  if (value.stringValue !== undefined) return value.stringValue
  if (value.boolValue !== undefined) return value.boolValue
  if (value.intValue !== undefined) return Number(value.intValue)
  if (value.doubleValue !== undefined) return Number(value.doubleValue)
  if (value.arrayValue !== undefined) return (value.arrayValue.values ?? []).map(valueOf)
  if (value.kvlistValue !== undefined) return attributesOf(value.kvlistValue.values)
  return value.bytesValue ?? null
}
