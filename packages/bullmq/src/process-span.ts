import type { Attributes, AttributeValue, Context } from '@opentelemetry/api'
import { ATTR_CLIENT_ID, ATTR_MESSAGE_ID, reportFault, safely } from '@waybill/core/adapter'
import { beginAttempt, failedWith, type Attempt, type Ending } from './attempt.ts'
import { duplicatesOf, FAILED_REASON, JOB_ATTEMPTS_MADE, JOB_ID, JOB_NAME, WORKER_ID } from './attributes.ts'
import type { Internals } from './internals.ts'
import type { JobAwareness, Seen } from './job-aware.ts'
import type { BullmqSpan } from './types.ts'

/** The span of one job's attempt, begun once BullMQ has said all that it says before the handler runs. */
export class ProcessSpan implements BullmqSpan {
  readonly #internals: Internals
  readonly #awareness: JobAwareness
  readonly #queue: string
  readonly #metadata: unknown
  readonly #seen: Seen | undefined
  #attempt: Attempt | undefined
  #result: Ending = SUCCESS
  #isDone = false

  constructor(
    internals: Internals,
    awareness: JobAwareness,
    queue: string,
    metadata: unknown,
    seen: Seen | undefined,
  ) {
    this.#internals = internals
    this.#awareness = awareness
    this.#queue = queue
    this.#metadata = metadata
    this.#seen = seen
  }

  setSpanOnContext(context: Context): Context {
    try {
      this.#attempt = beginAttempt(this.#internals, this.#queue, this.#metadata, this.#seen)
    } catch (error) {
      reportFault(this.#internals.telemetry.log, 'starting a process span', error)
    }
    return this.#attempt?.context ?? context
  }

  setAttribute(name: string, value: AttributeValue): void {
    this.setAttributes({ [name]: value })
  }

  setAttributes(attributes: Attributes): void {
    try {
      this.#tell(attributes)
    } catch (error) {
      reportFault(this.#internals.telemetry.log, 'describing a process span', error)
    }
  }

  addEvent(name: string, attributes?: Attributes): void {
    // 'job completed' carries the return value, which is nobody's business.
    if (name !== 'job completed' && name !== 'job failed') return
    this.#isDone = true
    this.#result = name === 'job completed' ? SUCCESS : failedWith(attributes?.[FAILED_REASON])
  }

  recordException(error: unknown): void {
    if (this.#isDone) return
    // A bare message: a try at settling went wrong. BullMQ tries again, or gives up because the lock is lost.
    this.#result = typeof error === 'string' ? failedWith(error) : { failure: { error } }
  }

  end(): void {
    safely(this.#internals.telemetry.log, 'ending a process span', undefined, () =>
      this.#attempt?.end(this.#result),
    )
  }

  #tell(attributes: Attributes): void {
    const { [JOB_ID]: id, [WORKER_ID]: worker } = attributes
    if (this.#seen !== undefined && id !== undefined && id !== this.#seen.job.id) this.#awareness.distrust()
    const span = this.#attempt?.span
    if (span?.isRecording() !== true) return
    const kept: Attributes = {
      [ATTR_MESSAGE_ID]: id,
      [ATTR_CLIENT_ID]: worker,
      [JOB_NAME]: attributes[JOB_NAME],
      [JOB_ATTEMPTS_MADE]: attributes[JOB_ATTEMPTS_MADE],
      ...(this.#internals.options.bullmqAttributes && duplicatesOf(attributes)),
    }
    for (const name in kept) if (kept[name] !== undefined) span.setAttribute(name, kept[name])
  }
}

const SUCCESS: Ending = {}
