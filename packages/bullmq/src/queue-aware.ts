import { safely } from '@waybill/core/adapter'
import { internalsOf } from './internals.ts'
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
  readonly deduplicationId?: string | undefined
}
const shared = globalThis as { [SLOT]?: Call | undefined }

/** The call that the span being started belongs to; `undefined` unless it is this queue's. */
export function takeCall(queue: string): Call | undefined {
  const call = shared[SLOT]
  shared[SLOT] = undefined
  return call?.queue.name === queue ? call : undefined
}

export const notingAdd: ReturnType<typeof noting> = noting((queue, [, , options]) => {
  const { deduplication } = (options ?? {}) as { deduplication?: { id?: unknown } }
  return { queue, deduplicationId: typeof deduplication?.id === 'string' ? deduplication.id : undefined }
})

export const notingBulk: ReturnType<typeof noting> = noting((queue, [jobs]) => ({
  queue,
  ...(Array.isArray(jobs) && { count: jobs.length }),
}))

function noting(
  callOf: (queue: Call['queue'], args: readonly unknown[]) => Call,
): (original: Method) => Method {
  return (original) =>
    function add(this: unknown, ...args) {
      const queue = this as Call['queue'] & { opts: { telemetry?: { tracer?: unknown } } }
      const internals = internalsOf(queue?.opts?.telemetry)
      if (internals === undefined) return original.apply(this, args)
      shared[SLOT] = safely(internals.telemetry.log, 'reading an add', undefined, () => callOf(queue, args))
      try {
        return original.apply(this, args)
      } finally {
        shared[SLOT] = undefined
      }
    }
}
