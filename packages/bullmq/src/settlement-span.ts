import { context as contextApi, type Context } from '@opentelemetry/api'
import { handOver, safely, suppressed } from '@waybill/core/adapter'
import { attemptIn, type Attempt, type Settlement } from './attempt.ts'
import { JOB_ID } from './attributes.ts'
import type { Internals } from './internals.ts'
import { ATTEMPT_FIELD, withMetadata } from './metadata.ts'
import type { BullmqSpan } from './types.ts'

const SETTLEMENTS: ReadonlySet<string> = new Set<Settlement>(['complete', 'fail', 'delay', 'retry'])

/**
 * Stands for the settling of an attempt: no span, but it tells the attempt that its handler is done, and how it was
 * settled. `undefined` if this is something else, or no attempt that we see.
 */
export function settlementSpan(internals: Internals, operation: string): BullmqSpan | undefined {
  const attempt = SETTLEMENTS.has(operation) ? attemptIn(contextApi.active()) : undefined
  if (attempt === undefined) return undefined
  const settlement = operation as Settlement
  const { telemetry, options } = internals
  let isOwn = false
  const describe = ({ [JOB_ID]: id }: Readonly<Record<string, unknown>>): void => {
    // A handler may settle other jobs by hand.
    if (isOwn || id === undefined || id !== attempt.job?.id) return
    isOwn = true
    attempt.settling(settlement)
  }
  return {
    setSpanOnContext(context) {
      const quiet = options.suppressRedis ? suppressed(context) : context
      const runsAgain = settlement === 'delay' || settlement === 'retry'
      return runsAgain && attempt.job !== undefined
        ? withFailure(internals, attempt, settlement, quiet)
        : quiet
    },
    setAttribute: (name, value) => {
      describe({ [name]: value })
    },
    setAttributes: (attributes) => {
      safely(telemetry.log, 'noting how a job is settled', undefined, () => {
        describe(attributes)
      })
    },
    addEvent: () => undefined,
    recordException() {
      if (isOwn) attempt.unsettled()
    },
    end: () => undefined,
  }
}

/** A context in which BullMQ stores with the job when, and in which span, this attempt ended. */
function withFailure(
  { telemetry }: Internals,
  attempt: Attempt,
  settlement: Settlement,
  context: Context,
): Context {
  return withMetadata(context, () => {
    const { baggage: _, ...fields } = handOver(telemetry, attempt.context)
    return { ...fields, [ATTEMPT_FIELD]: `${attempt.job?.attemptsStarted}:${settlement}` }
  })
}
