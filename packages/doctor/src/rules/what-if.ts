/** Traces that belong together: union-find. */
export interface TraceUnion {
  /** The trace that stands for all that belong together. */
  find(traceId: string): string
  join(a: string, b: string): void
  /** How many traces there are once all that was joined is one. */
  count(traces: Iterable<string>): number
}

export function traceUnion(): TraceUnion {
  const above = new Map<string, string>()
  const find = (traceId: string): string => {
    let top = traceId
    for (let next = above.get(top); next !== undefined; next = above.get(top)) top = next
    // Everything on the way points to the top from now on, so that chains stay short.
    for (let at = traceId; at !== top;) {
      const next = above.get(at) ?? top
      above.set(at, top)
      at = next
    }
    return top
  }
  return {
    find,
    join(a, b) {
      const [topA, topB] = [find(a), find(b)]
      if (topA !== topB) above.set(topB, topA)
    },
    count(traces) {
      const tops = new Set<string>()
      for (const traceId of traces) tops.add(find(traceId))
      return tops.size
    },
  }
}
