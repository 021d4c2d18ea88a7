import { context as contextApi, type Attributes, type AttributeValue, type Context } from '@opentelemetry/api'
import { handOver, reportFault, suppressed } from '@waybill/core/adapter'
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
  return attempt === undefined ? undefined : new SettlementSpan(internals, attempt, operation as Settlement)
}

class SettlementSpan implements BullmqSpan {
  readonly #internals: Internals
  readonly #attempt: Attempt
  readonly #settlement: Settlement
  #isOwn = false

  constructor(internals: Internals, attempt: Attempt, settlement: Settlement) {
    this.#internals = internals
    this.#attempt = attempt
    this.#settlement = settlement
  }

  setSpanOnContext(context: Context): Context {
    const quiet = this.#internals.options.suppressRedis ? suppressed(context) : context
    const runsAgain = this.#settlement === 'delay' || this.#settlement === 'retry'
    return runsAgain && this.#attempt.job !== undefined
      ? withFailure(this.#internals, this.#attempt, this.#settlement, quiet)
      : quiet
  }

  setAttribute(name: string, value: AttributeValue): void {
    if (name === JOB_ID) this.setAttributes({ [name]: value })
  }

  setAttributes({ [JOB_ID]: id }: Attributes): void {
    // A handler may settle other jobs by hand.
    if (this.#isOwn || id === undefined || id !== this.#attempt.job?.id) return
    this.#isOwn = true
    try {
      this.#attempt.settling(this.#settlement)
    } catch (error) {
      reportFault(this.#internals.telemetry.log, 'noting how a job is settled', error)
    }
  }

  addEvent(): void {}

  recordException(): void {
    if (this.#isOwn) this.#attempt.unsettled()
  }

  end(): void {}
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
