import type { Attributes } from '@opentelemetry/api'
import { ATTR_CLIENT_ID, ATTR_MESSAGE_ID, safely } from '@waybill/core/adapter'
import { beginAttempt, failedWith, type Attempt, type Ending } from './attempt.ts'
import { duplicatesOf, FAILED_REASON, JOB_ATTEMPTS_MADE, JOB_ID, JOB_NAME, WORKER_ID } from './attributes.ts'
import type { Internals } from './internals.ts'
import type { JobAwareness } from './job-aware.ts'
import type { BullmqSpan, BullmqTracer } from './types.ts'

/** The span of one job's attempt, begun once BullMQ has said all that it says before the handler runs. */
export function processSpan(
  internals: Internals,
  awareness: JobAwareness,
  tracer: BullmqTracer,
  queue: string,
  metadata: unknown,
): BullmqSpan {
  const { telemetry, options } = internals
  const { log } = telemetry
  const seen = awareness.take(tracer, queue, metadata)
  let attempt: Attempt | undefined
  let result: Ending = {}
  let settled = false

  const tell = (attributes: Attributes): void => {
    const { [JOB_ID]: id, [WORKER_ID]: worker } = attributes
    if (seen !== undefined && id !== undefined && id !== seen.job.id) awareness.distrust()
    if (attempt?.span.isRecording() !== true) return
    const kept: Attributes = {
      [ATTR_MESSAGE_ID]: id,
      [ATTR_CLIENT_ID]: worker,
      [JOB_NAME]: attributes[JOB_NAME],
      [JOB_ATTEMPTS_MADE]: attributes[JOB_ATTEMPTS_MADE],
      ...(options.bullmqAttributes && duplicatesOf(attributes)),
    }
    for (const name in kept) if (kept[name] !== undefined) attempt.span.setAttribute(name, kept[name])
  }

  return {
    setSpanOnContext: (context) =>
      safely(log, 'starting a process span', context, () => {
        attempt = beginAttempt(internals, queue, metadata, seen)
        return attempt?.context ?? context
      }),
    setAttribute(name, value) {
      this.setAttributes({ [name]: value })
    },
    setAttributes(attributes) {
      safely(log, 'describing a process span', undefined, () => {
        tell(attributes)
      })
    },
    addEvent(name, attributes) {
      // 'job completed' carries the return value, which is nobody's business.
      if (name !== 'job completed' && name !== 'job failed') return
      settled = true
      result = name === 'job completed' ? {} : failedWith(attributes?.[FAILED_REASON])
    },
    recordException(error) {
      if (settled) return
      // A bare message: a try at settling went wrong. BullMQ tries again, or gives up because the lock is lost.
      result = typeof error === 'string' ? failedWith(error) : { failure: { error } }
    },
    end() {
      safely(log, 'ending a process span', undefined, () => attempt?.end(result))
    },
  }
}
