// R12: a transit span without a parent, which is our own fault.
import { isRoot } from '../model/span.ts'
import { plural, short, type Case } from './finding.ts'
import type { Scene } from './scene.ts'

export function* transitRoot({ hops, named }: Scene): Generator<Case> {
  for (const span of hops.transits) {
    if (!isRoot(span)) continue
    named.add(span)
    const message = hops.messageOf(span)
    yield {
      rule: 'TRANSIT-ROOT',
      level: 'certain',
      hop: {
        ...(message && { system: message.system, destination: message.destination }),
        consumer: span.service,
      },
      message: (count) =>
        `${plural(count, 'transit span')} of ${span.service} ${count === 1 ? 'is a root' : 'are roots'}: Waybill must not record a wait without a creation context`,
      fix: `update the @waybill packages of ${span.service}, and report it: this is a fault of Waybill`,
      evidence: {
        traces: [span.traceId],
        spans: [span.spanId],
        text: `'${span.name}' is the root of trace ${short(span.traceId)}`,
      },
    }
  }
}
