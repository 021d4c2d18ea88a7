import type { Attributes } from '@opentelemetry/api'
import { recordGetter, safely, type Incoming } from '@waybill/core/adapter'
import { JOB_ATTEMPTS_MAX, JOB_STALLED, WORKER_LIMITED } from './attributes.ts'
import { blindDelivery, deliveryOf } from './eligibility.ts'
import type { Internals } from './internals.ts'
import type { Seen } from './job-aware.ts'
import { carrierOf } from './metadata.ts'
import { serverAttributes } from './server.ts'

/** The description of one attempt at a job, from the job itself where it is seen. */
export function incomingOf(
  { telemetry, options }: Internals,
  queue: string,
  metadata: unknown,
  seen: Seen | undefined,
): Incoming {
  const { log } = telemetry
  const fields = carrierOf(metadata)
  const delivery = safely(log, 'reading a job', blindDelivery(fields), () =>
    seen === undefined
      ? blindDelivery(fields)
      : deliveryOf(seen.job, fields, telemetry.now(), seen.previous, options.trustsTimestamp(queue)),
  )
  const { fanOut = 1 } = delivery
  const isWide = fanOut > options.maxFanOut && !options.hasRelation
  const previous = seen?.previous?.span
  return {
    operation: 'process',
    destination: { name: queue },
    getter: recordGetter as Incoming['getter'],
    messageId: seen?.job.id,
    messageName: seen?.job.name,
    clientId: seen?.worker.id,
    details: () => (seen === undefined ? {} : detailsOf(seen)),
    ...delivery,
    ...(isWide && { relation: 'link', transitSpan: false }),
    links: previous && [{ context: previous }],
    rootReason: delivery.rootReason ?? (metadata && fields === undefined ? 'malformed' : undefined),
  }
}

function detailsOf({ job, worker }: Seen): Attributes {
  const { connection, limiter } = worker.opts
  return {
    ...serverAttributes(connection),
    [JOB_ATTEMPTS_MAX]: Math.max(1, job.opts?.attempts ?? 1),
    ...(job.stalledCounter > 0 && { [JOB_STALLED]: job.stalledCounter }),
    // A worker's limit is part of the wait, and nothing else tells it from a queue that is too long.
    ...(limiter !== undefined && { [WORKER_LIMITED]: true }),
  }
}
