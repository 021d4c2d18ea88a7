import { rootsOf } from './statistics.ts'
import { isTransit, type ReceivedSpan } from './span.ts'

/** A span at its place in the tree of its trace. */
export interface TreeRow {
  readonly span: ReceivedSpan
  readonly depth: number
  /** For each level above, and for the span itself: whether it is the last child of its parent. */
  readonly lastOnLevels: readonly boolean[]
}

/** All spans, each below its parent; siblings and traces in order of time. */
export function treeRows(spans: readonly ReceivedSpan[]): TreeRow[] {
  const roots = rootsOf(spans)
  const isRoot = new Set(roots)
  const children = Map.groupBy(
    spans.filter((span) => !isRoot.has(span)),
    ({ traceId, parentSpanId }) => `${traceId}/${parentSpanId}`,
  )
  const rows: TreeRow[] = []
  function add(siblings: readonly ReceivedSpan[], above: readonly boolean[]): void {
    const inOrder = siblings.toSorted((a, b) => placeOf(a) - placeOf(b) || a.start - b.start)
    for (const [i, span] of inOrder.entries()) {
      const lastOnLevels = [...above, i === inOrder.length - 1]
      rows.push({ span, depth: above.length, lastOnLevels })
      add(children.get(`${span.traceId}/${span.spanId}`) ?? [], lastOnLevels)
    }
  }
  for (const root of roots.toSorted((a, b) => a.start - b.start)) add([root], [])
  return rows
}

/** A wait goes right before the work that it ended with, also where many messages were sent at once. */
function placeOf(span: ReceivedSpan): number {
  return isTransit(span) ? span.end : span.start
}
