import type { Attributes, AttributeValue, RawLink, RawSpan } from '../input/raw-span.ts'
import { textOf } from '../input/shape.ts'
import { append } from './grouping.ts'
import { interner } from './intern.ts'
import { isIdentifier, isKept } from './keys.ts'
import type { Facts, Span, SpanLink } from './span.ts'

/** All spans of an export, each with its parent found. */
export interface SpanModel {
  readonly spans: readonly Span[]
  /** The spans of each trace, in order of start. */
  readonly traces: ReadonlyMap<string, readonly Span[]>
  /** Epoch microseconds: start of the earliest, end of the latest span. */
  readonly window: { readonly start: number; readonly end: number }
  /** Times the same span came again. */
  readonly duplicates: number
  /** The span of that id; with a trace id given, of that trace only. */
  find(traceId: string, spanId: string): Span | undefined
}

export interface SpanCollector {
  add(raw: RawSpan): void
  /** Finds all parents. Nothing may be added afterwards. */
  model(): SpanModel
}

const NO_FACTS: Facts = Object.freeze({})
const NO_LINKS: readonly SpanLink[] = Object.freeze([])

/**
 * Takes spans one by one and keeps of each what the rules read.
 *
 * @param alsoKept further attributes to keep
 */
export function collectSpans(alsoKept: ReadonlySet<string> = new Set()): SpanCollector {
  const keep = (key: string): boolean => isKept(key) || alsoKept.has(key)
  const intern = interner()
  const spans: Span[] = []
  // Mostly one span has an id; Zipkin gives one id to both ends of a call.
  const byId = new Map<string, Span | Span[]>()
  // One text for the trace id of all spans of a trace.
  const traceIds = new Map<string, string>()
  let duplicates = 0

  return {
    add(raw) {
      const known = byId.get(raw.spanId)
      if (has(known, raw)) {
        duplicates++
        return
      }
      const traceId = traceIds.get(raw.traceId) ?? raw.traceId
      traceIds.set(traceId, traceId)
      const span = spanOf(raw, traceId, intern, keep)
      spans.push(span)
      if (known === undefined) byId.set(span.spanId, span)
      else byId.set(span.spanId, [...[known].flat(), span])
    },
    model() {
      const find = (traceId: string, spanId: string): Span | undefined =>
        pick(byId.get(spanId), traceId, undefined)
      // The order of files and lines must not show in what is said.
      spans.sort(byStart)
      const traces = new Map<string, Span[]>()
      let start = Number.POSITIVE_INFINITY
      let end = Number.NEGATIVE_INFINITY
      for (const span of spans) {
        append(traces, span.traceId, span)
        start = Math.min(start, span.start)
        end = Math.max(end, span.end)
        if (span.parentId !== undefined) span.parent = pick(byId.get(span.parentId), span.traceId, span)
        if (span.kind === 'SERVER') span.parent = clientHalf(byId.get(span.spanId), span) ?? span.parent
      }
      return { spans, traces, window: { start, end }, duplicates, find }
    },
  }
}

function has(known: Span | Span[] | undefined, { traceId, kind }: RawSpan): boolean {
  if (known === undefined) return false
  const same = (span: Span): boolean => span.traceId === traceId && span.kind === kind
  return Array.isArray(known) ? known.some(same) : same(known)
}

/** The parent of a child that came by wire is the server's half, where one id has two. */
function pick(known: Span | Span[] | undefined, traceId: string, child: Span | undefined): Span | undefined {
  if (known === undefined) return undefined
  if (!Array.isArray(known)) return known.traceId === traceId && known !== child ? known : undefined
  const candidates = known.filter((span) => span.traceId === traceId && span !== child)
  return candidates.find(({ kind }) => kind === 'SERVER') ?? candidates[0]
}

/** Zipkin's shared ids: the server's half hangs under the client's. */
function clientHalf(known: Span | Span[] | undefined, server: Span): Span | undefined {
  if (!Array.isArray(known)) return undefined
  return known.find(({ traceId, kind }) => traceId === server.traceId && kind === 'CLIENT')
}

function byStart(a: Span, b: Span): number {
  return a.start - b.start || b.end - a.end || (a.spanId < b.spanId ? -1 : 1)
}

/** A threshold above 0 in OpenTelemetry's tracestate; `th:0` keeps everything. */
const THINNED = /\bot=[^,]*\bth:0*[1-9a-f]/

function spanOf(
  raw: RawSpan,
  traceId: string,
  intern: (text: string) => string,
  keep: (key: string) => boolean,
): Span {
  const { resource } = raw
  return {
    traceId,
    spanId: raw.spanId,
    parentId: raw.parentSpanId,
    name: intern(raw.name),
    kind: raw.kind,
    service: intern(textOf(resource['service.name']) || 'unknown service'),
    host: intern(textOf(resource['host.name']) || textOf(resource['host.id'])),
    scope: intern(raw.scope),
    start: raw.start,
    // A clock that was set back within the span: its end proves nothing.
    end: Math.max(raw.end ?? raw.start, raw.start),
    ended: raw.end !== undefined,
    flags: raw.flags,
    thinned: THINNED.test(raw.traceState),
    facts: factsOf(raw.attributes, intern, keep),
    links: raw.links.length === 0 ? NO_LINKS : raw.links.map((link) => linkOf(link, intern, keep)),
    droppedLinks: raw.droppedLinks,
    failed: raw.failed,
    adjusted: raw.adjusted,
    parent: undefined,
  }
}

function linkOf(
  { traceId, spanId, attributes }: RawLink,
  intern: (text: string) => string,
  keep: (key: string) => boolean,
): SpanLink {
  return { traceId: intern(traceId), spanId, facts: factsOf(attributes, intern, keep) }
}

function factsOf(
  attributes: Attributes,
  intern: (text: string) => string,
  keep: (key: string) => boolean,
): Facts {
  let facts: Record<string, AttributeValue> | undefined
  for (const key in attributes) {
    if (!keep(key)) continue
    const value = attributes[key]
    facts ??= {}
    // Ids hardly ever repeat: they would only crowd out what does.
    facts[key] = typeof value === 'string' && !isIdentifier(key) ? intern(value) : (value ?? null)
  }
  return facts ?? NO_FACTS
}
