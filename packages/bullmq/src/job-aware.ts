import { createRequire } from 'node:module'
import { context as contextApi, createContextKey, ROOT_CONTEXT, type Context } from '@opentelemetry/api'
import { safely, warnOnce, type Telemetry } from '@waybill/core/adapter'
import { carriesMetadata } from './metadata.ts'
import type { BullmqTracer, Job, Worker } from './types.ts'

/*
 * BullMQ's telemetry interface is never handed the job, and without its counters and options no wait can be known. So the
 * one public method through which every job goes, `Worker.processJob`, notes job and worker in a slot and calls the
 * original; that calls `tracer.startSpan` before anything asynchronous, which takes them out again.
 */

// Registered symbols: two copies of this package wrap once and see the same slot.
const SLOT = Symbol.for('waybill.bullmq.slot')
const WRAPPED = Symbol.for('waybill.bullmq.wrapped')
const OURS = Symbol.for('waybill.bullmq.tracer')
const NEXT_ITERATION = createContextKey('waybill.bullmq.next-iteration')

interface Slot {
  readonly job: Job
  readonly worker: Worker
}
const shared = globalThis as { [SLOT]?: Slot | undefined }

type Method = (this: unknown, ...args: unknown[]) => unknown

/** Finds out which job a process span is for. */
export interface JobAwareness {
  /** Wraps BullMQ's classes wherever Node.js has loaded them by now. */
  search(): void
  /**
   * The job whose `process` span is being started right now; `undefined` unless it is certain: this very telemetry is the
   * worker's, and queue and metadata are the job's.
   */
  take(tracer: BullmqTracer, queue: string, metadata: unknown): Slot | undefined
  /** BullMQ named another job than the slot did: nothing that is seen this way can be believed any more. */
  distrust(): void
}

export function jobAwareness(telemetry: Telemetry, workerClass: unknown): JobAwareness {
  const { log } = telemetry
  const wrap = (
    what: string,
    classOf: () => unknown,
    method: string,
    by: (original: Method) => Method,
  ): void => {
    safely(log, `wrapping BullMQ's ${what}`, undefined, () => {
      wrapPrototype(classOf(), method, by)
    })
  }
  if (workerClass !== undefined) wrap('Worker', () => workerClass, 'processJob', notingJob)
  let searched = 0
  let trusted = true

  return {
    search() {
      searched++
      for (const classes of safely(log, "looking for BullMQ's classes", [], loadedCopies)) {
        wrap('Worker', classes.worker, 'processJob', notingJob)
        wrap('JobScheduler', classes.jobScheduler, 'upsertJobScheduler', markingNextIteration)
      }
    },
    take(tracer, queue, metadata) {
      const slot = shared[SLOT]
      shared[SLOT] = undefined
      if (slot === undefined) {
        // The class may have been loaded a moment ago; this job is lost to us, the next one is not.
        if (searched < 3) this.search()
        warnOnce(
          log,
          'a job that is not seen',
          `A job of queue ${queue} is processed where BullMQ's Worker is not ours to see: waits are unknown. If this goes on, pass the class: bullmqTelemetry({ Worker }).`,
        )
        return undefined
      }
      const { job, worker } = slot
      const certain =
        worker.opts.telemetry?.tracer === tracer && worker.name === queue && carriesMetadata(job, metadata)
      return certain && trusted ? slot : undefined
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

/** Marks a tracer as ours, so that workers of other telemetry, or of none, pass straight through. */
export function markOurs<T extends BullmqTracer>(tracer: T): T {
  return Object.defineProperty(tracer, OURS, { value: true })
}

/** Whether BullMQ is adding the next iteration of a job scheduler by itself, in whatever context it happens to be. */
export function isNextIteration(context: Context): boolean {
  return context.getValue(NEXT_ITERATION) === true
}

/**
 * Every copy of BullMQ that Node.js has loaded, several versions too: `import` and `require` end up in the same cache. A
 * bundle has no such files; its user passes the class.
 */
function loadedCopies(): { worker: () => unknown; jobScheduler: () => unknown }[] {
  const { cache } = createRequire(import.meta.url)
  const exported = (file: string, name: string) => (): unknown =>
    (cache[file]?.exports as Record<string, unknown> | undefined)?.[name]
  return Object.keys(cache)
    .filter((file) => /[\\/]dist[\\/]cjs[\\/]classes[\\/]worker\.js$/.test(file))
    .map((file) => ({
      worker: exported(file, 'Worker'),
      jobScheduler: exported(file.replace(/worker\.js$/, 'job-scheduler.js'), 'JobScheduler'),
    }))
}

function wrapPrototype(owner: unknown, name: string, wrap: (original: Method) => Method): void {
  const prototype = (owner as { prototype?: Record<PropertyKey, unknown> } | undefined)?.prototype
  const original = prototype?.[name]
  if (prototype === undefined || typeof original !== 'function' || Object.hasOwn(prototype, WRAPPED)) return
  prototype[name] = wrap(original as Method)
  Object.defineProperty(prototype, WRAPPED, { value: true })
}

function notingJob(original: Method): Method {
  return function processJob(this: unknown, ...args) {
    const worker = this as Worker
    const tracer = worker?.opts?.telemetry?.tracer as { [OURS]?: boolean } | undefined
    if (tracer?.[OURS] !== true) return original.apply(this, args)
    shared[SLOT] = { job: args[0] as Job, worker }
    try {
      return original.apply(this, args)
    } finally {
      shared[SLOT] = undefined
    }
  }
}

/** Only a worker that has fetched one iteration adds the next with `override: false`; an application never does. */
function markingNextIteration(original: Method): Method {
  return function upsertJobScheduler(this: unknown, ...args) {
    if ((args.at(-1) as { override?: unknown } | undefined)?.override !== false)
      return original.apply(this, args)
    return contextApi.with(ROOT_CONTEXT.setValue(NEXT_ITERATION, true), () => original.apply(this, args))
  }
}
