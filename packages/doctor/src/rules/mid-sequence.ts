// R6: a root that starts while another trace of the same service is under way.
import { conversationOf, isHousekeeping } from '../model/facts.ts'
import { isPoll } from '../model/message.ts'
import { append } from '../model/grouping.ts'
import { isRoot, MILLISECOND, type Span } from '../model/span.ts'
import { matches } from '../settings.ts'
import { plural, short, type Case } from './finding.ts'
import { ifComplete, isAtEdge, type Scene } from './scene.ts'

interface Stretch {
  readonly traceId: string
  readonly start: number
  readonly end: number
  readonly conversations: ReadonlySet<string>
}

export function* rootMidSequence(scene: Scene): Generator<Case> {
  const { model, settings, named } = scene
  const roots = model.spans.filter(
    (span) =>
      isRoot(span) &&
      (span.kind === 'INTERNAL' || span.kind === 'CLIENT') &&
      !named.has(span) &&
      !isPoll(span) &&
      scene.hops.messageOf(span) === undefined &&
      !isHousekeeping(span) &&
      !matches(settings.ignoreRoots, span.name),
  )
  if (roots.length === 0) return
  const stretches = stretchesOf(scene, new Set(roots.map(({ service }) => service)))
  const byService = new Map<string, Span[]>()
  for (const root of roots) append(byService, root.service, root)
  for (const [service, own] of byService) {
    for (const { root, around } of meet(own, stretches.get(service) ?? [])) {
      const found = caseOf(scene, root, around)
      if (found === undefined) continue
      named.add(root)
      yield found
    }
  }
}

function caseOf(scene: Scene, root: Span, around: readonly Stretch[]): Case | undefined {
  const conversation = conversationIn(scene, root)
  const same = around.find(
    ({ conversations }) => conversation !== undefined && conversations.has(conversation),
  )
  // Without a shared id only where nothing else comes into question, and the root is all within it.
  const [only] = around
  const inside =
    around.length === 1 && only !== undefined && only.end >= root.end && conversation === undefined
  const stretch = same ?? (inside ? only : undefined)
  if (stretch === undefined) return undefined
  const after = Math.round((root.start - stretch.start) / MILLISECOND)
  return {
    rule: 'ROOT-MID-SEQUENCE',
    level: same !== undefined && !isAtEdge(scene, root.start) ? ifComplete(scene, 'probable') : 'info',
    hop: { consumer: root.service },
    aspect: root.name,
    message: (count) =>
      `${plural(count, 'root')} '${root.name}' of ${root.service} began in the middle of another trace of the same ${same ? 'conversation' : 'service'}`,
    fix: `hand the context on to '${root.name}' in ${root.service}: a callback, pool or timer runs it outside of the context that asked for it`,
    evidence: {
      traces: [stretch.traceId, root.traceId],
      spans: [root.spanId],
      text: `trace ${short(root.traceId)} began ${after} ms into trace ${short(stretch.traceId)}`,
    },
  }
}

/** For each root the stretches under way at its start. Both go by time, so that what has ended is passed once. */
function* meet(
  roots: readonly Span[],
  stretches: readonly Stretch[],
): Generator<{ readonly root: Span; readonly around: readonly Stretch[] }> {
  const coming = stretches.toSorted((a, b) => a.start - b.start)
  let next = 0
  let open: Stretch[] = []
  for (const root of roots.toSorted((a, b) => a.start - b.start)) {
    for (
      let stretch = coming[next];
      stretch !== undefined && stretch.start < root.start;
      stretch = coming[next]
    ) {
      open.push(stretch)
      next++
    }
    open = open.filter(({ end }) => end > root.start)
    yield { root, around: open.filter(({ traceId }) => traceId !== root.traceId) }
  }
}

function conversationIn({ model }: Scene, root: Span): string | undefined {
  for (const span of model.traces.get(root.traceId) ?? []) {
    const conversation = conversationOf(span)
    if (conversation !== undefined) return conversation
  }
  return undefined
}

/** From when to when each trace of more than one span kept each service busy. */
function stretchesOf({ model }: Scene, services: ReadonlySet<string>): Map<string, Stretch[]> {
  const stretches = new Map<string, Stretch[]>()
  for (const [traceId, spans] of model.traces) {
    if (spans.length < 2) continue
    const conversations = new Set<string>()
    const own = new Map<string, { start: number; end: number }>()
    for (const span of spans) {
      const conversation = conversationOf(span)
      if (conversation !== undefined) conversations.add(conversation)
      if (!services.has(span.service)) continue
      const busy = own.get(span.service)
      if (busy === undefined) own.set(span.service, { start: span.start, end: span.end })
      else busy.end = Math.max(busy.end, span.end)
    }
    for (const [service, { start, end }] of own)
      append(stretches, service, { traceId, start, end, conversations })
  }
  return stretches
}
