// R10: a delivery that began before its send.
import { append } from '../model/grouping.ts'
import type { Delivery } from '../model/hops.ts'
import { MILLISECOND } from '../model/span.ts'
import { plural, short, type Case } from './finding.ts'
import { hopOf, pairOf, type Scene } from './scene.ts'

/** Against the send's start: every third healthy delivery begins before the send has ended. */
const TOLERANCE = MILLISECOND
/** Within one host it is rounding, and stamps of the worker's side. */
const TOLERANCE_ON_HOST = 5 * MILLISECOND

export function* clockSkew(scene: Scene): Generator<Case> {
  const offsets = new Map<string, number[]>()
  const early: { readonly delivery: Delivery; readonly pair: string }[] = []
  for (const delivery of scene.hops.deliveries) {
    const { producer, consumer } = delivery
    if (producer.span.adjusted || consumer.span.adjusted) continue
    const pair = pairOf(producer.span, consumer.span)
    const offset = consumer.span.start - producer.span.start
    append(offsets, pair, offset)
    const oneHost = producer.span.host !== '' && producer.span.host === consumer.span.host
    if (-offset > (oneHost ? TOLERANCE_ON_HOST : TOLERANCE)) early.push({ delivery, pair })
  }
  for (const { delivery, pair } of early) {
    const { producer, consumer, id } = delivery
    scene.skewed.add(pair)
    const hop = hopOf(producer, consumer)
    const median = medianOf(offsets.get(pair) ?? [])
    yield {
      rule: 'CLOCK-SKEW',
      level: 'probable',
      hop,
      message: (count) =>
        `${plural(count, 'message')} on ${hop.destination} began to be processed before ${count === 1 ? 'it was' : 'they were'} sent: the clock of ${hop.consumer} is behind that of ${hop.producer}; median offset ${Math.round(median / MILLISECOND)} ms. Gaps between the two are not judged`,
      fix: `synchronise the clocks of the hosts of ${hop.producer} and ${hop.consumer} (NTP)`,
      evidence: {
        traces: [...new Set([producer.span.traceId, consumer.span.traceId])],
        spans: [producer.span.spanId, consumer.span.spanId],
        ...(id !== undefined && { messageId: id }),
        text: `'${consumer.span.name}' began ${Math.round((producer.span.start - consumer.span.start) / MILLISECOND)} ms before '${producer.span.name}' in trace ${short(producer.span.traceId)}`,
      },
    }
  }
}

function medianOf(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.floor(sorted.length / 2)] ?? 0
}
