import { trace, type Context, type Link, type SpanContext } from '@opentelemetry/api'

/**
 * The sources that one span may link: sampled ones first, since only they lead anywhere, at most `limit`, and the number
 * of those left out.
 */
export function linkable<T>(
  sources: readonly T[],
  contextOf: (source: T) => SpanContext | undefined,
  limit: number,
): { readonly kept: T[]; readonly omitted: number } {
  const isSampled = (source: T): boolean => ((contextOf(source)?.traceFlags ?? 0) & 1) === 1
  const ordered = [...sources.filter(isSampled), ...sources.filter((source) => !isSampled(source))]
  return { kept: ordered.slice(0, limit), omitted: Math.max(0, ordered.length - limit) }
}

/** Links to the spans in the contexts of several callers, each once; see `linkable`. */
export function callerLinks(
  contexts: readonly Context[],
  limit: number,
): { readonly links: Link[]; readonly omitted: number } {
  const callers = new Map(
    contexts.flatMap((context) => {
      const caller = trace.getSpanContext(context)
      return caller === undefined ? [] : [[caller.spanId, caller] as const]
    }),
  )
  const { kept, omitted } = linkable([...callers.values()], (caller) => caller, limit)
  return { links: kept.map((context) => ({ context })), omitted }
}
