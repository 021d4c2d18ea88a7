import type { InputFacts } from './input/read.ts'
import { findHops } from './model/hops.ts'
import { isRoot, type Span } from './model/span.ts'
import type { SpanModel } from './model/spans.ts'
import { linksDropped, unattributed } from './rules/batch.ts'
import { clockSkew } from './rules/clock-skew.ts'
import { consumerUntraced } from './rules/consumer-untraced.ts'
import { lostByIdentity, lostWithoutIdentity } from './rules/context-lost.ts'
import { traceDiscontinuity } from './rules/discontinuity.ts'
import { gatherer, type Case, type Finding } from './rules/finding.ts'
import { deliveryGap, idleTrace } from './rules/gap.ts'
import { rootMidSequence } from './rules/mid-sequence.ts'
import { orphans } from './rules/orphan.ts'
import type { Scene } from './rules/scene.ts'
import { staleByIdentity, staleWithoutIdentity } from './rules/stale-parent.ts'
import { toolRoot, toolStaleSession } from './rules/tool-root.ts'
import { transitRoot } from './rules/transit-root.ts'
import { traceUnion, type TraceUnion } from './rules/what-if.ts'
import { defaults, levels, type Settings } from './settings.ts'

/** What the doctor says about an export. */
export interface Diagnosis {
  readonly input: InputFacts
  readonly spans: number
  readonly traces: number
  readonly roots: number
  /** Traces once every certain loss of context is mended. */
  readonly tracesAfter: number
  /** Epoch microseconds. */
  readonly window: { readonly start: number; readonly end: number }
  /** The worst first. */
  readonly findings: readonly Finding[]
  /** What the format or the export does not let us judge. */
  readonly limits: readonly string[]
}

/** Applies all rules to an export. The same input gives the same answer, in the same order. */
export function diagnose(model: SpanModel, input: InputFacts, given: Partial<Settings> = {}): Diagnosis {
  const settings: Settings = { ...defaults, ...given }
  const hops = findHops(model)
  const linkless = input.formats.length > 0 && input.formats.every((format) => format === 'zipkin')
  const scene: Scene = {
    model,
    hops,
    settings,
    partial: input.partial,
    linkless,
    named: new Set(),
    skewed: new Set(),
  }
  const unconnected = hops.deliveries.filter(({ connected }) => !connected)
  const gathered = gatherer()
  // Only certain losses: what hangs in a foreign trace moves, and the number of traces stays.
  const afterFix = traceUnion()
  const explained = traceUnion()
  const take = (cases: Iterable<Case>, seen?: (one: Case) => void): void => {
    for (const one of cases) {
      gathered.add(one)
      seen?.(one)
    }
  }
  // What names a root comes before what asks for nameless ones.
  take(lostByIdentity(scene, unconnected), ({ level, evidence }) => {
    if (level === 'certain') joinAll(afterFix, evidence.traces)
    joinAll(explained, evidence.traces)
  })
  const isStale = ({ evidence }: Case): void => joinAll(explained, evidence.traces)
  take(staleByIdentity(scene, unconnected), isStale)
  take(staleWithoutIdentity(scene, hops.unpaired), isStale)
  take(lostWithoutIdentity(scene, hops.unpaired))
  take(consumerUntraced(scene))
  take(transitRoot(scene))
  take(toolRoot(scene))
  take(toolStaleSession(scene))
  take(rootMidSequence(scene))
  take(clockSkew(scene))
  const explainedGaps = new Set<Span>()
  take(deliveryGap(scene, explainedGaps))
  take(idleTrace(scene, explainedGaps))
  for (const { traceId, links } of model.spans)
    for (const link of links) explained.join(traceId, link.traceId)
  take(traceDiscontinuity(scene, explained))
  take(orphans(scene))
  take(unattributed(scene))
  take(linksDropped(scene))

  let roots = 0
  for (const span of model.spans) if (isRoot(span)) roots++
  return {
    input,
    spans: model.spans.length,
    traces: model.traces.size,
    roots,
    tracesAfter: afterFix.count(model.traces.keys()),
    window: model.window,
    findings: gathered.findings().sort(byGravity),
    limits: limitsOf(scene),
  }
}

function joinAll(union: TraceUnion, [first, ...others]: readonly string[]): void {
  for (const other of others) union.join(first ?? other, other)
}

function limitsOf({ linkless, partial, model, hops }: Scene): string[] {
  const limits: string[] = []
  if (linkless)
    limits.push(
      'Zipkin has no links: a delivery that links its message instead of continuing it cannot be judged',
    )
  if (partial)
    limits.push(
      'the backend gave a part of the trace only (PARTIAL): what is missing is told as info, and proves nothing',
    )
  if (model.spans.some(({ adjusted }) => adjusted))
    limits.push(
      'Jaeger has moved spans in time (clock skew adjustment): gaps and skew of those are not judged; export with ?raw=true',
    )
  if (hops.unpaired.some(({ sends, identified }) => sends.length > 0 && !identified))
    limits.push('some messages have no id on both sides: they are counted by hop and never paired by time')
  return limits
}

/** Certain first; within a level what lost most messages first; then by name, so that the order is always the same. */
function byGravity(a: Finding, b: Finding): number {
  return (
    levels.indexOf(a.level) - levels.indexOf(b.level) ||
    Number(b.rule === 'MQ-CONTEXT-LOST') - Number(a.rule === 'MQ-CONTEXT-LOST') ||
    b.count - a.count ||
    compare(a.rule, b.rule) ||
    compare(JSON.stringify(a.hop), JSON.stringify(b.hop)) ||
    compare(a.message, b.message)
  )
}

function compare(a: string, b: string): number {
  if (a === b) return 0
  return a < b ? -1 : 1
}
