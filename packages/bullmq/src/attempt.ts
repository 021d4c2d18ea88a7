import { createContextKey, type Attributes, type Context, type Span } from '@opentelemetry/api'
import { beginProcess, safely, type Failure, type Outcome, type ProcessResult } from '@waybill/core/adapter'
import { incomingOf } from './incoming.ts'
import type { Internals } from './internals.ts'
import type { Seen } from './job-aware.ts'
import { letSandboxCarryOn } from './sandbox.ts'
import type { Job, JobInfo, Worker } from './types.ts'

/** How BullMQ settles an attempt, by the names of its own spans. `delay` and `retry` run the job again. */
export type Settlement = 'complete' | 'fail' | 'delay' | 'retry'

/** One attempt at a job: its Process span, and what becomes known of its end bit by bit. */
export interface Attempt {
  /** What the handler is to run in. */
  readonly context: Context
  readonly span: Span
  readonly job: Job | undefined
  /** BullMQ begins to settle the job: the handler is done. It may try again, or settle otherwise. */
  settling(settlement: Settlement): void
  /** It could not: the lock is lost, or the server. */
  unsettled(): void
  /** The error of the handler, of which BullMQ tells the span no more than the message. */
  fail(failure: Failure): void
  /** Ends the span. Without a failure it was told of, the attempt went well. */
  end(ending?: Ending): void
}

/** How an attempt ended: it failed if `failure` is there. */
export type Ending = Pick<ProcessResult, 'failure' | 'errorType'>

/** An error of which no more than the message is known; it has no stack, rather than one that points here. */
export function failedWith(reason: unknown): Ending {
  const error = new Error(String(reason))
  delete error.stack
  return { failure: { error }, errorType: '_OTHER' }
}

const ATTEMPT_KEY = createContextKey('waybill.bullmq.attempt')
const attempts = new WeakMap<object, Attempt>()
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
  const { telemetry, options } = internals
  const { log } = telemetry
  const processing = beginProcess(telemetry, incomingOf(internals, queue, metadata, seen))
  if (processing === undefined) return undefined
  let settled: Settlement | undefined
  let isSettled = true
  let handlerDone: number | undefined
  let failedAt: number | undefined
  let known: Failure | undefined

  const noteFailure = (backoff: number | undefined): void => {
    if (seen === undefined || failedAt === undefined) return
    const span = processing.span.spanContext()
    internals.attempts.note(seen.worker, seen.job, { ended: failedAt, backoff, span })
  }

  const attempt: Attempt = {
    context: processing.context,
    span: processing.span,
    job: seen?.job,
    settling(settlement) {
      handlerDone ??= performance.now()
      settled = settlement
      isSettled = true
      failedAt = Math.trunc(telemetry.now())
      if (settlement === 'retry') noteFailure(0)
    },
    unsettled() {
      isSettled = false
    },
    fail(failure) {
      known = failure
      // By now BullMQ has chosen the backoff, and put it on the job.
      if (settled === 'delay') noteFailure(seen?.job.delay)
    },
    end(told = {}) {
      if (settled === 'delay' && known === undefined) noteFailure(seen?.job.delay)
      const ending = endingOf(told)
      processing.end({
        ...ending,
        outcome: isSettled ? outcomeOf(settled, seen?.worker) : 'abandoned',
        ended: handlerDone,
        attributes: attributesOf(seen?.job),
      })
    },
  }
  const endingOf = (told: Ending): Ending => {
    if (known !== undefined) return { failure: known, errorType: typeOfRebuilt(known.error) }
    // A handler that moved its job to failed by itself has an error, though it threw none.
    const failedByHand = told.failure === undefined && settled !== undefined && settled !== 'complete'
    return failedByHand ? failedWith(seen?.job.failedReason) : told
  }
  const attributesOf = (job: Job | undefined): Attributes | undefined =>
    job === undefined || options.jobAttributes === undefined || !processing.span.isRecording()
      ? undefined
      : safely(log, 'options.jobAttributes()', undefined, () => options.jobAttributes?.(job as Job & JobInfo))

  if (seen !== undefined) {
    attempts.set(seen.job, attempt)
    safely(log, 'preparing for a job', undefined, () => {
      watchFailures(seen.worker)
      letSandboxCarryOn(seen.job)
    })
  }
  return { ...attempt, context: processing.context.setValue(ATTEMPT_KEY, attempt) }
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

/** The worker emits the error itself right before the span is told of its message. */
function watchFailures(worker: Worker): void {
  if (watched.has(worker)) return
  watched.add(worker)
  worker.on('failed', (job, error) => {
    if (job !== undefined) attempts.get(job)?.fail({ error })
  })
}
