import {
  context as contextApi,
  createContextKey,
  type Attributes,
  type Context,
  type Span,
} from '@opentelemetry/api'
import {
  beginProcess,
  safely,
  withValue,
  type Failure,
  type Outcome,
  type Processing,
  type ProcessResult,
} from '@waybill/core/adapter'
import { incomingOf } from './incoming.ts'
import type { Internals } from './internals.ts'
import type { Seen } from './job-aware.ts'
import { letSandboxCarryOn } from './sandbox.ts'
import type { Job, JobInfo, Worker } from './types.ts'

/** How BullMQ settles an attempt, by the names of its own spans. `delay` and `retry` run the job again. */
export type Settlement = 'complete' | 'fail' | 'delay' | 'retry'

/** How an attempt ended: it failed if `failure` is there. */
export type Ending = Pick<ProcessResult, 'failure' | 'errorType'>

/** An error of which no more than the message is known; it has no stack, rather than one that points here. */
export function failedWith(reason: unknown): Ending {
  const error = new Error(String(reason))
  delete error.stack
  return { failure: { error }, errorType: '_OTHER' }
}

const ATTEMPT_KEY = createContextKey('waybill.bullmq.attempt')
const watched = new WeakSet<Worker>()

/** The attempt that is being made or settled in this context. */
export function attemptIn(context: Context): Attempt | undefined {
  return context.getValue(ATTEMPT_KEY) as Attempt | undefined
}

/** Begins an attempt; `undefined` if no SDK is registered. Never throws. */
export function beginAttempt(
  internals: Internals,
  queue: string,
  metadata: unknown,
  seen: Seen | undefined,
): Attempt | undefined {
  const processing = beginProcess(internals.telemetry, incomingOf(internals, queue, metadata, seen))
  if (processing === undefined) return undefined
  if (seen !== undefined) {
    safely(internals.telemetry.log, 'preparing for a job', undefined, () => {
      watchFailures(seen.worker)
      letSandboxCarryOn(seen.job)
    })
  }
  return new Attempt(internals, seen, processing)
}

/**
 * One attempt at a job: its Process span, and what becomes known of its end bit by bit. A class, and found by its context:
 * there is one for each job, and whatever else is kept of a job costs more than all that is measured of it.
 */
export class Attempt {
  readonly #internals: Internals
  readonly #seen: Seen | undefined
  readonly #processing: Processing
  #settled: Settlement | undefined
  #isSettled = true
  #handlerDone: number | undefined
  #failedAt: number | undefined
  #known: Failure | undefined
  /** What the handler is to run in. */
  readonly context: Context

  constructor(internals: Internals, seen: Seen | undefined, processing: Processing) {
    this.#internals = internals
    this.#seen = seen
    this.#processing = processing
    this.context = withValue(processing.context, ATTEMPT_KEY, this)
  }

  get span(): Span {
    return this.#processing.span
  }

  get job(): Job | undefined {
    return this.#seen?.job
  }

  /** BullMQ begins to settle the job: the handler is done. It may try again, or settle otherwise. */
  settling(settlement: Settlement): void {
    this.#handlerDone ??= performance.now()
    this.#settled = settlement
    this.#isSettled = true
    this.#failedAt = Math.trunc(this.#internals.telemetry.now())
    if (settlement === 'retry') this.#noteFailure(0)
  }

  /** It could not: the lock is lost, or the server. */
  unsettled(): void {
    this.#isSettled = false
  }

  /** The error of the handler, of which BullMQ tells the span no more than the message. */
  fail(failure: Failure): void {
    this.#known = failure
    // By now BullMQ has chosen the backoff, and put it on the job.
    if (this.#settled === 'delay') this.#noteFailure(this.job?.delay)
  }

  /** Ends the span. Without a failure it was told of, the attempt went well. */
  end(told: Ending = {}): void {
    if (this.#settled === 'delay' && this.#known === undefined) this.#noteFailure(this.job?.delay)
    const { failure, errorType } = this.#endingOf(told)
    this.#processing.end({
      failure,
      errorType,
      outcome: this.#isSettled ? outcomeOf(this.#settled, this.#seen?.worker) : 'abandoned',
      ended: this.#handlerDone,
      attributes: this.#attributes(),
    })
  }

  #noteFailure(backoff: number | undefined): void {
    if (this.#seen === undefined || this.#failedAt === undefined) return
    const { worker, job } = this.#seen
    const span = this.span.spanContext()
    this.#internals.attempts.note(worker, job, { ended: this.#failedAt, backoff, span })
  }

  #endingOf(told: Ending): Ending {
    if (this.#known !== undefined)
      return { failure: this.#known, errorType: typeOfRebuilt(this.#known.error) }
    // A handler that moved its job to failed by itself has an error, though it threw none.
    const failedByHand =
      told.failure === undefined && this.#settled !== undefined && this.#settled !== 'complete'
    return failedByHand ? failedWith(this.job?.failedReason) : told
  }

  #attributes(): Attributes | undefined {
    const { options, telemetry } = this.#internals
    const { jobAttributes } = options
    const { job } = this
    if (job === undefined || jobAttributes === undefined || !this.span.isRecording()) return undefined
    return safely(telemetry.log, 'options.jobAttributes()', undefined, () =>
      jobAttributes(job as Job & JobInfo),
    )
  }
}

/**
 * BullMQ settles what a handler returned or threw; a job that a handler moved on by itself is not settled, and comes again.
 * Nor is one of a worker that is being closed by force.
 */
function outcomeOf(settled: Settlement | undefined, worker: Worker | undefined): Outcome | undefined {
  if (settled === 'complete') return 'ack'
  if (settled === 'fail') return 'reject'
  if (settled !== undefined) return 'requeue'
  return worker === undefined || worker.closing ? undefined : 'requeue'
}

/**
 * A sandbox sends its errors as JSON, and BullMQ makes plain ones of them: what they were is left in the stack only.
 * `undefined` for all others.
 */
function typeOfRebuilt(error: unknown): string | undefined {
  if (!(error instanceof Error) || error.name !== 'Error' || error.constructor !== Error) return undefined
  return /^([A-Z]\w{0,62}): /.exec(error.stack ?? '')?.[1]
}

/** The worker emits the error itself, within the attempt, right before the span is told of its message. */
function watchFailures(worker: Worker): void {
  if (watched.has(worker)) return
  watched.add(worker)
  worker.on('failed', (job, error) => {
    const attempt = attemptIn(contextApi.active())
    if (job !== undefined && attempt?.job === job) attempt.fail({ error })
  })
}
