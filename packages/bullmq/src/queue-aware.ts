import { safely } from '@waybill/core/adapter'
import { internalsOf, type Internals } from './internals.ts'
import type { Method } from './wrap.ts'

/*
 * What the interface does not tell of an add: the queue's connection, the job's options, how many jobs there are. As with
 * jobs, the public method notes them in a slot, and calls `tracer.startSpan` before anything asynchronous.
 */

// A registered symbol: two copies of this package see the same slot.
const SLOT = Symbol.for('waybill.bullmq.add')

/** An add that is being made right now. */
export interface Call {
  readonly queue: { readonly name: string; readonly opts: { readonly connection?: unknown } }
  /** Number of jobs, of an `addBulk`. */
  readonly count?: number
  /** Copies of those jobs, which BullMQ goes through after the span was started; where each is to have a context of its own. */
  readonly jobs?: readonly BulkJob[]
  readonly deduplicationId?: string | undefined
}

/** A job of an `addBulk`, as a copy that may be written to. */
export interface BulkJob {
  readonly name?: unknown
  opts?: {
    readonly jobId?: unknown
    telemetry?: { readonly metadata?: unknown; readonly omitContext?: unknown }
  }
}
const shared = globalThis as { [SLOT]?: Call | undefined }

/** The call that the span being started belongs to; `undefined` unless it is this queue's. */
export function takeCall(queue: string): Call | undefined {
  const call = shared[SLOT]
  shared[SLOT] = undefined
  return call?.queue.name === queue ? call : undefined
}

/** Notes what an `add` is about. */
export function notingAdd(original: Method): Method {
  return noting(original, (queue, args) => {
    const { deduplication } = (args[2] ?? {}) as { deduplication?: { id?: unknown } }
    return { queue, deduplicationId: typeof deduplication?.id === 'string' ? deduplication.id : undefined }
  })
}

/** Notes how many jobs an `addBulk` makes, and lets each have metadata of its own where that is wanted. */
export function notingBulk(original: Method): Method {
  return noting(original, (queue, args, { options }) => {
    const [jobs] = args as [unknown]
    if (!Array.isArray(jobs)) return { queue }
    if (!options.bulkSpans || jobs.length > options.maxFanOut) return { queue, count: jobs.length }
    const copies = (jobs as BulkJob[]).map((job) => ({ ...job, opts: { ...job.opts } }))
    args[0] = copies
    return { queue, count: jobs.length, jobs: copies }
  })
}

/** @param callOf may replace the arguments, which are a copy */
function noting(
  original: Method,
  callOf: (queue: Call['queue'], args: unknown[], internals: Internals) => Call,
): Method {
  return function add(this: unknown, ...args) {
    const queue = this as Call['queue'] & { opts: { telemetry?: { tracer?: unknown } } }
    const internals = internalsOf(queue?.opts?.telemetry)
    if (internals === undefined) return original.apply(this, args)
    shared[SLOT] = safely(internals.telemetry.log, 'reading an add', undefined, () =>
      callOf(queue, args, internals),
    )
    try {
      return original.apply(this, args)
    } finally {
      shared[SLOT] = undefined
    }
  }
}
