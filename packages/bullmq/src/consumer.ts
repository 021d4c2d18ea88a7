import type { Attributes } from '@opentelemetry/api'
import {
  ATTR_CLIENT_ID,
  ATTR_MESSAGE_ID,
  beginProcess,
  recordGetter,
  safely,
  type Failure,
  type Incoming,
  type Processing,
  type ProcessResult,
  type Telemetry,
} from '@waybill/core/adapter'
import { FAILED_REASON, JOB_ATTEMPTS_MADE, JOB_ID, JOB_NAME, WORKER_ID } from './attributes.ts'
import { blindDelivery, deliveryOf } from './eligibility.ts'
import type { JobAwareness } from './job-aware.ts'
import { carrierOf } from './metadata.ts'
import { serverAttributes } from './server.ts'
import type { BullmqSpan, BullmqTracer, Job, Worker } from './types.ts'

/** The error that a job's attempt failed with; BullMQ tells the span no more than its message. */
const failures = new WeakMap<object, Failure>()
const watched = new WeakSet<Worker>()

/** The span of one job's attempt, begun once BullMQ has said all that it says before the handler runs. */
export function processSpan(
  telemetry: Telemetry,
  awareness: JobAwareness,
  tracer: BullmqTracer,
  queue: string,
  metadata: unknown,
): BullmqSpan {
  const { log } = telemetry
  const seen = awareness.take(tracer, queue, metadata)
  if (seen !== undefined)
    safely(log, "listening to a worker's failures", undefined, () => {
      watchFailures(seen.worker)
    })
  let processing: Processing | undefined
  let result: ProcessResult = {}
  let settled = false

  const tell = (attributes: Attributes): void => {
    const { [JOB_ID]: id, [WORKER_ID]: worker } = attributes
    if (seen !== undefined && id !== undefined && id !== seen.job.id) awareness.distrust()
    const kept: Attributes = {
      [ATTR_MESSAGE_ID]: id,
      [ATTR_CLIENT_ID]: worker,
      [JOB_NAME]: attributes[JOB_NAME],
      [JOB_ATTEMPTS_MADE]: attributes[JOB_ATTEMPTS_MADE],
    }
    for (const [name, value] of Object.entries(kept))
      if (value !== undefined) processing?.span.setAttribute(name, value)
  }

  return {
    setSpanOnContext: (context) =>
      safely(log, 'starting a process span', context, () => {
        processing = beginProcess(telemetry, incomingOf(telemetry, queue, metadata, seen))
        return processing?.context ?? context
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
      result = name === 'job completed' ? {} : failed(attributes?.[FAILED_REASON])
    },
    recordException(error) {
      if (settled) return
      // A bare message: a try at settling went wrong. BullMQ tries again, or gives up because the lock is lost.
      result = typeof error === 'string' ? failed(error) : { failure: { error } }
    },
    end() {
      // BullMQ 5 says 'job failed' only when it has fetched another job at once, so the error itself counts more.
      const failure = seen && failures.get(seen.job)
      processing?.end(failure === undefined ? result : { failure })
    },
  }
}

function incomingOf(
  telemetry: Telemetry,
  queue: string,
  metadata: unknown,
  seen: { readonly job: Job; readonly worker: Worker } | undefined,
): Incoming {
  const { log } = telemetry
  const fields = carrierOf(metadata)
  const delivery = safely(log, 'reading a job', blindDelivery(fields), () =>
    seen === undefined ? blindDelivery(fields) : deliveryOf(seen.job, fields, telemetry.now()),
  )
  return {
    operation: 'process',
    destination: { name: queue },
    getter: recordGetter as Incoming['getter'],
    messageId: seen?.job.id,
    clientId: seen?.worker.id,
    details: () => serverAttributes(seen?.worker.opts.connection),
    ...delivery,
    rootReason: delivery.rootReason ?? (metadata && fields === undefined ? 'malformed' : undefined),
  }
}

/** An error of which no more than the message is known; it has no stack, rather than one that points here. */
function failed(reason: unknown): ProcessResult {
  const error = new Error(String(reason))
  delete error.stack
  return { failure: { error }, errorType: '_OTHER' }
}

/** The worker emits the error itself right before the span is told of it. */
function watchFailures(worker: Worker): void {
  if (watched.has(worker)) return
  watched.add(worker)
  worker.on('failed', (job, error) => {
    if (job !== undefined) failures.set(job, { error })
  })
}
