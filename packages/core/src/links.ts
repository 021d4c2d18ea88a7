import type { SpanContext } from '@opentelemetry/api'

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
