import { ROOT_CONTEXT, SpanKind } from '@opentelemetry/api'
import { judge } from './arrival.ts'
import type { IncomingBatch } from './batch.ts'
import { labelOf } from './destination.ts'
import { safely } from './diag.ts'
import { linkable } from './links.ts'
import { creationAttributes, measure, seriesOf } from './process.ts'
import { ATTR_BATCH_COUNT, ATTR_LINKS_OMITTED } from './semconv.ts'
import type { Telemetry } from './telemetry.ts'

/**
 * Records a read that gave messages which are each handled in a Process span of their own: one CLIENT span, a root, that
 * links their creation contexts, at most `maxLinks`, the number of omitted ones in an attribute. Waits and deliveries are
 * told where the messages are handled. Never throws.
 *
 * @param since `performance.now()` at which the read began
 */
export function recordReceive(telemetry: Telemetry, batch: IncomingBatch, since: number): void {
  const signals = telemetry.signals()
  if (signals === undefined) return
  safely(telemetry.log, 'recording a receive span', undefined, () => {
    const received = { ...batch, operationType: 'receive' as const }
    const seconds = (performance.now() - since) / 1000
    const attributes = creationAttributes(telemetry, received)
    attributes[ATTR_BATCH_COUNT] = batch.messages.length
    const linked = batch.messages
      .map((message) => judge(telemetry, signals, message))
      .filter(({ trust }) => trust !== 'ignore')
      .flatMap(({ extracted }) => extracted.creation ?? [])
    const { kept, omitted } = linkable(linked, (creation) => creation, telemetry.options.maxLinks)
    if (omitted > 0) attributes[ATTR_LINKS_OMITTED] = omitted
    const end = Date.now()
    signals.tracer
      .startSpan(
        `${batch.operation} ${labelOf(batch.destination)}`,
        {
          kind: SpanKind.CLIENT,
          attributes,
          links: kept.map((context) => ({ context })),
          startTime: new Date(end - seconds * 1000),
        },
        ROOT_CONTEXT,
      )
      .end(new Date(end))
    measure(signals, 'receive', seriesOf(telemetry, signals, batch), seconds, {}, 0)
  })
}
