// R7: one conversation in several traces.
import { conversationOf, isUserTurn } from '../model/facts.ts'
import { append } from '../model/grouping.ts'
import { isRoot } from '../model/span.ts'
import { plural, short, type Case } from './finding.ts'
import { ifComplete, type Scene } from './scene.ts'
import type { TraceUnion } from './what-if.ts'

/** `explained` joins the traces that other findings, or links, say to belong together. */
export function* traceDiscontinuity(scene: Scene, explained: TraceUnion): Generator<Case> {
  const { model, named } = scene
  const byConversation = new Map<string, Set<string>>()
  for (const span of model.spans) {
    const conversation = conversationOf(span)
    if (conversation === undefined) continue
    const traces = byConversation.get(conversation)
    if (traces === undefined) byConversation.set(conversation, new Set([span.traceId]))
    else traces.add(span.traceId)
  }
  for (const [conversation, traces] of byConversation) {
    if (traces.size < 2) continue
    const groups = new Map<string, string[]>()
    for (const traceId of traces) append(groups, explained.find(traceId), traceId)
    // A new turn of the user is a new trace by right, and what another rule has named needs no second name.
    const broken = [...groups.values()].filter((group) => {
      const roots = group.flatMap((traceId) => model.traces.get(traceId)?.filter(isRoot) ?? [])
      return !roots.some((root) => isUserTurn(root) || named.has(root))
    })
    if (broken.length === 0 || groups.size < 2) continue
    const [first = ''] = traces
    const strays = broken.flat().filter((traceId) => groups.size > broken.length || traceId !== first)
    for (const traceId of strays) {
      const spans = model.traces.get(traceId) ?? []
      const root = spans.find(isRoot) ?? spans[0]
      if (root === undefined) continue
      const other = [...traces].find((id) => explained.find(id) !== explained.find(traceId)) ?? first
      yield {
        rule: 'TRACE-ID-DISCONTINUITY',
        level: ifComplete(scene, 'probable'),
        hop: { consumer: root.service },
        message: (count) =>
          `the trace id changes at ${root.service}: ${plural(count, 'trace')} of a conversation that had begun in another trace`,
        fix: `send traceparent with the call to ${root.service}, and extract it there`,
        evidence: {
          traces: [other, traceId],
          spans: [root.spanId],
          text: `conversation ${conversation.slice(0, 40)} is in ${short(other)} and goes on in ${short(traceId)} from '${root.name}'`,
        },
      }
    }
  }
}
