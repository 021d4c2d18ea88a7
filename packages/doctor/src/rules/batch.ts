// R11, R13: what batches cannot tell.
import { numberFact } from '../model/facts.ts'
import { append } from '../model/grouping.ts'
import { LINKS_OMITTED } from '../model/keys.ts'
import type { Message } from '../model/message.ts'
import type { Span } from '../model/span.ts'
import { plural, short, type Case } from './finding.ts'
import { hopOf, type Scene } from './scene.ts'

/** Work under a batch that cannot belong to any message. */
export function* unattributed({ model, hops }: Scene): Generator<Case> {
  const batches = hops.messages.filter(
    ({ role, span }) => (role === 'process' || role === 'receive') && tracesLinked(span) > 1,
  )
  if (batches.length === 0) return
  const children = new Map<Span, Span[]>()
  for (const span of model.spans) if (span.parent !== undefined) append(children, span.parent, span)
  for (const batch of batches) {
    for (const work of workBelow(batch.span, children, hops.messageOf)) {
      const hop = hopOf(undefined, batch)
      yield {
        rule: 'BATCH-UNATTRIBUTED',
        level: 'info',
        hop,
        message: (count) =>
          `${plural(count, 'span')} under batches of ${hop.destination} in ${hop.consumer} cannot belong to any one message`,
        fix: `run each message of a batch in a context of its own in ${hop.consumer}; with Waybill: runMessage()`,
        evidence: {
          traces: [work.traceId],
          spans: [work.spanId, batch.span.spanId],
          text: `'${work.name}' under '${batch.span.name}', which links ${tracesLinked(batch.span)} traces`,
        },
      }
    }
  }
}

function tracesLinked({ links }: Span): number {
  return links.length < 2 ? links.length : new Set(links.map(({ traceId }) => traceId)).size
}

/** Down to the next span of a message. */
function* workBelow(
  top: Span,
  children: ReadonlyMap<Span, readonly Span[]>,
  messageOf: (span: Span) => Message | undefined,
): Generator<Span> {
  const open = [...(children.get(top) ?? [])]
  const seen = new Set<Span>()
  for (let span = open.pop(); span !== undefined; span = open.pop()) {
    if (seen.has(span)) continue
    seen.add(span)
    const role = messageOf(span)?.role
    if (role === 'process' || role === 'transit' || role === 'settle') continue
    yield span
    open.push(...(children.get(span) ?? []))
  }
}

export function* linksDropped({ hops }: Scene): Generator<Case> {
  for (const message of hops.messages) {
    const { span } = message
    const dropped = Math.max(span.droppedLinks, numberFact(span.facts, LINKS_OMITTED) ?? 0)
    if (dropped === 0) continue
    const hop = hopOf(undefined, message)
    yield {
      rule: 'LINKS-DROPPED',
      level: 'info',
      hop,
      weight: dropped,
      message: (count) =>
        `${plural(count, 'link')} of batches on ${hop.destination} dropped in ${hop.consumer}: those messages look lost`,
      fix: `smaller batches, or a higher linkCountLimit in the SDK of ${hop.consumer} (128 by default)`,
      evidence: {
        traces: [span.traceId],
        spans: [span.spanId],
        text: `'${span.name}' in trace ${short(span.traceId)} kept ${span.links.length} and dropped ${dropped}`,
      },
    }
  }
}
