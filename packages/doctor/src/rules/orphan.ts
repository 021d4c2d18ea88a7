// R9: a parent that is not in the export. The context was not lost: its id came along.
import { isOrphan, type Span } from '../model/span.ts'
import { plural, short, type Case } from './finding.ts'
import { ifComplete, isAtEdge, type Scene } from './scene.ts'

const HAS_REMOTE = 0x100
const IS_REMOTE = 0x200

export function* orphans(scene: Scene): Generator<Case> {
  for (const span of scene.model.spans) {
    if (!isOrphan(span) || scene.named.has(span)) continue
    const origin = originOf(span)
    yield {
      rule: 'ORPHAN-PARENT-MISSING',
      level: isAtEdge(scene, span.start) || mayBeOpen(scene, span) ? 'info' : ifComplete(scene, 'probable'),
      hop: { consumer: span.service },
      aspect: origin,
      message: (count) =>
        `the parent of ${plural(count, 'span')} of ${span.service} is not in the export; context was NOT lost: ${CAUSES[origin]}`,
      fix: FIXES[origin](span.service),
      evidence: {
        traces: [span.traceId],
        spans: [span.spanId],
        text: `'${span.name}' in trace ${short(span.traceId)} has parent ${span.parentId}, which is not here`,
      },
    }
  }
}

type Origin = 'remote' | 'local' | 'unknown'

const CAUSES: Readonly<Record<Origin, string>> = {
  remote:
    'the parent is in another process, which is not exported here, sends to another backend, or was sampled out',
  local:
    'the parent is of the same process: it never ended, was not flushed before the process ended, or was dropped by a processor',
  unknown: 'the parent was not exported, was sampled out, or never ended',
}

const FIXES: Readonly<Record<Origin, (service: string) => string>> = {
  remote: (service) => `export what calls ${service} as well, with the same sampling`,
  local: (service) => `end every span of ${service}, and await forceFlush() before the process ends`,
  unknown: (service) => `export all services around ${service}, and flush them before they end`,
}

function originOf({ flags }: Span): Origin {
  if ((flags & HAS_REMOTE) === 0) return 'unknown'
  return (flags & IS_REMOTE) === 0 ? 'local' : 'remote'
}

/** Its trace goes on to the end of the window: a long parent may not have ended yet. */
function mayBeOpen(scene: Scene, span: Span): boolean {
  const last = lastEnd(scene, span.traceId)
  return isAtEdge(scene, last, 'end')
}

const lastEnds = new WeakMap<object, Map<string, number>>()

function lastEnd({ model }: Scene, traceId: string): number {
  const known = lastEnds.get(model) ?? new Map<string, number>()
  lastEnds.set(model, known)
  let last = known.get(traceId)
  if (last === undefined) {
    last = Number.NEGATIVE_INFINITY
    for (const { end } of model.traces.get(traceId) ?? []) last = Math.max(last, end)
    known.set(traceId, last)
  }
  return last
}
