import { readJaeger } from './jaeger.ts'
import { readResourceSpans } from './otlp-json.ts'
import type { SpanSink } from './raw-span.ts'
import { objectOf, objectsOf, type Json } from './shape.ts'
import { readZipkin } from './zipkin.ts'

export type Format = 'otlp-json' | 'tempo-v1' | 'tempo-v2' | 'jaeger' | 'jaeger-v3' | 'zipkin'

/** What one JSON value turned out to be. */
export interface DocumentFacts {
  readonly format?: Format
  /** The backend says that it gives a part of the trace only. */
  readonly partial?: boolean
  /** Metrics or logs: no fault, nothing for us. */
  readonly otherSignal?: boolean
  readonly unreadableSpans: number
}

const NOTHING: DocumentFacts = { unreadableSpans: 0 }

/** Recognises one JSON value and hands its spans to `sink`. A value without `format` is none that we know. */
export function readDocument(value: unknown, sink: SpanSink): DocumentFacts {
  if (Array.isArray(value)) return readList(value, sink)
  const document = objectOf(value)
  return document === undefined ? NOTHING : readObject(document, sink)
}

function readObject(document: Json, sink: SpanSink): DocumentFacts {
  if (Array.isArray(document['resourceSpans'])) return otlp('otlp-json', document['resourceSpans'], sink)
  if (Array.isArray(document['batches'])) {
    return { ...otlp('tempo-v1', document['batches'], sink), partial: isPartial(document) }
  }
  const trace = objectOf(document['trace'])
  if (trace !== undefined) {
    const resourceSpans = trace['resourceSpans'] ?? trace['batches']
    return { ...otlp('tempo-v2', resourceSpans, sink), partial: isPartial(document) }
  }
  const result = objectOf(document['result'])
  if (result !== undefined) return otlp('jaeger-v3', result['resourceSpans'], sink)
  if (Array.isArray(document['data'])) {
    return { format: 'jaeger', unreadableSpans: readJaeger(document['data'], sink) }
  }
  // One trace as Jaeger's UI has it in memory; people paste it so.
  if (document['traceID'] !== undefined && Array.isArray(document['spans'])) {
    return { format: 'jaeger', unreadableSpans: readJaeger([document], sink) }
  }
  if (document['resourceMetrics'] !== undefined || document['resourceLogs'] !== undefined) {
    return { otherSignal: true, unreadableSpans: 0 }
  }
  // An exporter may write an empty request for "no spans".
  return Object.keys(document).length === 0 ? { format: 'otlp-json', unreadableSpans: 0 } : NOTHING
}

function readList(list: readonly unknown[], sink: SpanSink): DocumentFacts {
  // /api/v2/traces of Zipkin answers a list of traces, each a list of spans.
  const [first] = list
  if (Array.isArray(first)) return merged(list.map((item) => readDocument(item, sink)))
  const span = objectOf(first)
  if (span === undefined) return list.length === 0 ? { format: 'zipkin', unreadableSpans: 0 } : NOTHING
  if (span['traceId'] !== undefined && span['id'] !== undefined) {
    return { format: 'zipkin', unreadableSpans: readZipkin(list, sink) }
  }
  return merged(objectsOf(list).map((item) => readObject(item, sink)))
}

function merged(facts: readonly DocumentFacts[]): DocumentFacts {
  const format = facts.find((fact) => fact.format !== undefined)?.format
  return {
    ...(format !== undefined && { format }),
    partial: facts.some(({ partial }) => partial === true),
    otherSignal: facts.every(({ otherSignal }) => otherSignal === true),
    unreadableSpans: facts.reduce((sum, { unreadableSpans }) => sum + unreadableSpans, 0),
  }
}

function otlp(format: Format, resourceSpans: unknown, sink: SpanSink): DocumentFacts {
  return { format, unreadableSpans: readResourceSpans(resourceSpans, sink) }
}

function isPartial(document: Json): boolean {
  return document['status'] === 'PARTIAL' || document['status'] === 1
}
