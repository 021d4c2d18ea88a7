import type { Attributes } from '@opentelemetry/api'
import { parseWaybill, recordGetter, safely, WAYBILL_FIELD, type Incoming } from '@waybill/core/adapter'
import { JOB_ATTEMPTS_MAX, JOB_STALLED, WORKER_LIMITED } from './attributes.ts'
import { blindDelivery, deliveryOf, type Delivery } from './eligibility.ts'
import type { Internals } from './internals.ts'
import type { Seen } from './job-aware.ts'
import { carrierAmongOptions, carrierOf } from './metadata.ts'
import { serverAttributes } from './server.ts'

/** The description of one attempt at a job, from the job itself where it is seen. */
export function incomingOf(
  { telemetry, options }: Internals,
  queue: string,
  metadata: unknown,
  seen: Seen | undefined,
): Incoming {
  const { foreignCarriers } = telemetry.options
  const fields =
    metadata || !foreignCarriers.includes('appsignal')
      ? carrierOf(metadata, foreignCarriers)
      : carrierAmongOptions(seen?.job.opts)
  const delivery = safely(telemetry.log, 'reading a job', BLIND, () =>
    seen === undefined ? BLIND : readDelivery(telemetry, fields, seen, options.trustsTimestamp(queue)),
  )
  const isWide = (delivery.fanOut ?? 1) > options.maxFanOut && !options.hasRelation
  const previous = seen?.previous?.span
  // Written out, and not spread: this is made for every job.
  return {
    operation: 'process',
    destination: { name: queue },
    carrier: fields,
    getter: recordGetter as Incoming['getter'],
    waybill: delivery.waybill,
    times: delivery.times,
    unknown: delivery.unknown,
    due: delivery.due,
    scheduledDelay: delivery.scheduledDelay,
    retried: delivery.retried,
    attempt: delivery.attempt,
    messageId: seen?.job.id,
    messageName: seen?.job.name,
    clientId: seen?.worker.id,
    relation: isWide ? 'link' : undefined,
    transitSpan: isWide ? false : undefined,
    links: previous && [{ context: previous }],
    rootReason: delivery.rootReason ?? (metadata && fields === undefined ? 'malformed' : undefined),
    details: () => (seen === undefined ? {} : detailsOf(seen)),
  }
}

const BLIND = blindDelivery()

function readDelivery(
  telemetry: Internals['telemetry'],
  fields: ReturnType<typeof carrierOf>,
  { job, previous }: Seen,
  trustTimestamp: boolean,
): Delivery {
  const now = telemetry.now()
  const waybill = parseWaybill(recordGetter.get(fields, WAYBILL_FIELD) as string | undefined, now)
  return deliveryOf(job, waybill, now, previous, trustTimestamp)
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
