import { metrics, type DiagLogger } from '@opentelemetry/api'
import { safely, warnOnce } from '../diag.ts'
import { ATTR_BAGGAGE_DROP_REASON, METRIC_BAGGAGE_DROPPED, SCHEMA_URL } from '../semconv.ts'
import { VERSION } from '../version.ts'

/** Why a member of baggage was left out. */
export type DropReason = 'size' | 'too_many' | 'too_long' | 'denied'

/**
 * Counts members of baggage that were left out, and warns once for each reason: the JS propagator drops what is over its
 * limits without a word. By the global meter provider, since limits hold for the whole process.
 */
export function reportDropped(log: DiagLogger, reason: DropReason, members: number, message: string): void {
  safely(log, 'reporting dropped baggage', undefined, () => {
    warnOnce(log, `baggage: ${reason}`, message)
    metrics
      .getMeterProvider()
      .getMeter('@waybill/core', VERSION, { schemaUrl: SCHEMA_URL })
      .createCounter(METRIC_BAGGAGE_DROPPED, {
        unit: '{entry}',
        description: 'Members of baggage that were left out because of a limit.',
      })
      .add(members, { [ATTR_BAGGAGE_DROP_REASON]: reason })
  })
}
