import { safely, warnOnce } from '@waybill/core/adapter'
import { askPreviousAttempt } from './ask-previous-attempt.ts'
import { givenClasses, loadedCopies, type Classes } from './classes.ts'
import { joiningNodes } from './flow.ts'
import { internalsOf, type Internals } from './internals.ts'
import { carriesMetadata } from './metadata.ts'
import type { BullmqOptions } from './options.ts'
import type { PreviousAttempt } from './previous-attempts.ts'
import { notingAdd, notingBulk } from './queue-aware.ts'
import { markingNextIteration } from './scheduler.ts'
import { runningQuietly } from './quiet.ts'
import type { BullmqTracer, Job, Worker } from './types.ts'
import { wrapPrototype, type Method } from './wrap.ts'

/*
 * BullMQ's telemetry interface is never handed the job, and without its counters and options no wait can be known. So the
 * one public method through which every job goes, `Worker.processJob`, notes job and worker in a slot and calls the
 * original; that calls `tracer.startSpan` before anything asynchronous, which takes them out again.
 */

// A registered symbol: two copies of this package see the same slot.
const SLOT = Symbol.for('waybill.bullmq.slot')

/** A job that is about to be processed, and what is known of its attempt before this one. */
export interface Seen {
  readonly job: Job
  readonly worker: Worker
  readonly previous?: PreviousAttempt | undefined
}
const shared = globalThis as { [SLOT]?: Seen | undefined }

/** Finds out which job a process span is for. */
export interface JobAwareness {
  /** Wraps BullMQ's classes wherever Node.js has loaded them by now. */
  search(): void
  /**
   * The job whose `process` span is being started right now; `undefined` unless it is certain: this very telemetry is the
   * worker's, and queue and metadata are the job's.
   */
  take(tracer: BullmqTracer, queue: string, metadata: unknown): Seen | undefined
  /** BullMQ named another job than the slot did: nothing that is seen this way can be believed any more. */
  distrust(): void
}

export function jobAwareness(
  { telemetry }: Pick<Internals, 'telemetry'>,
  options?: BullmqOptions,
): JobAwareness {
  const { log } = telemetry
  const wrap = (
    classes: Classes,
    name: keyof Classes,
    method: string,
    by: (original: Method) => Method,
  ): void => {
    safely(log, `wrapping BullMQ's ${name}`, undefined, () => {
      wrapPrototype(classes[name](), method, by)
    })
  }
  const wrapAll = (classes: Classes): void => {
    wrap(classes, 'Worker', 'processJob', notingJob)
    wrap(classes, 'Worker', 'run', runningQuietly)
    wrap(classes, 'Queue', 'add', notingAdd)
    wrap(classes, 'Queue', 'addBulk', notingBulk)
    wrap(classes, 'FlowProducer', 'add', joiningNodes)
    wrap(classes, 'FlowProducer', 'addBulk', joiningNodes)
    wrap(classes, 'JobScheduler', 'upsertJobScheduler', markingNextIteration)
  }
  wrapAll(givenClasses(options))
  let searched = 0
  let trusted = true

  return {
    search() {
      searched++
      for (const classes of safely(log, "looking for BullMQ's classes", [], loadedCopies)) wrapAll(classes)
    },
    take(tracer, queue, metadata) {
      const seen = shared[SLOT]
      shared[SLOT] = undefined
      if (seen === undefined) {
        // The class may have been loaded a moment ago; this job is lost to us, the next one is not.
        if (searched < 3) this.search()
        warnOnce(
          log,
          'a job that is not seen',
          `A job of queue ${queue} is processed where BullMQ's Worker is not ours to see: waits are unknown. If this goes on, pass the class: bullmqTelemetry({ Worker }).`,
        )
        return undefined
      }
      const { job, worker } = seen
      const certain =
        worker.opts.telemetry?.tracer === tracer && worker.name === queue && carriesMetadata(job, metadata)
      return certain && trusted ? seen : undefined
    },
    distrust() {
      trusted = false
      warnOnce(
        log,
        'a job that is another one',
        'BullMQ processes another job than was handed to Worker.processJob: waits are unknown from here on.',
      )
    },
  }
}

function notingJob(original: Method): Method {
  return function processJob(this: unknown, ...args) {
    const worker = this as Worker
    const internals = internalsOf(worker?.opts?.telemetry)
    if (internals === undefined) return original.apply(this, args)
    const job = args[0] as Job
    const run = (previous: PreviousAttempt | undefined): unknown => {
      shared[SLOT] = { job, worker, previous }
      try {
        return original.apply(this, args)
      } finally {
        shared[SLOT] = undefined
      }
    }
    if (!(job?.attemptsMade > 0)) return run(undefined)
    const { attempts, telemetry, options } = internals
    const previous = safely(telemetry.log, 'remembering an attempt', undefined, () =>
      attempts.take(worker, job),
    )
    if (previous !== undefined || !options.askPreviousAttempt) return run(previous)
    return askPreviousAttempt(telemetry, worker, job).then(run)
  }
}
