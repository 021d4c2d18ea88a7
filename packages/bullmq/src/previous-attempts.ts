import type { SpanContext } from '@opentelemetry/api'
import type { Job, Worker } from './types.ts'

/** How the attempt before this one ended. */
export interface PreviousAttempt {
  /** Epoch ms by the clock of the worker that made it. */
  readonly ended: number
  /** ms that BullMQ then let the job rest; `undefined` where that is not known. */
  readonly backoff: number | undefined
  readonly span: SpanContext | undefined
}

/** Failed attempts of this process whose jobs BullMQ runs again. */
export interface PreviousAttempts {
  /** Notes a failed attempt; the record may be completed until its job comes back. */
  note(worker: Worker, job: Job, attempt: PreviousAttempt): void
  /** The attempt before this one, if this process made it; forgets it. */
  take(worker: Worker, job: Job): PreviousAttempt | undefined
}

interface Noted {
  readonly attempt: PreviousAttempt
  readonly attemptsStarted: number
  readonly timestamp: number
}

/** Of so many failed jobs the end is kept; those that rest longest are the first to be forgotten. */
const LIMIT = 4096

export function previousAttempts(limit: number = LIMIT): PreviousAttempts {
  const noted = new Map<string, Noted>()
  const keyOf = (worker: Worker, job: Job): string =>
    `${worker.opts.prefix ?? ''}\n${worker.name}\n${job.id ?? ''}`
  return {
    note(worker, job, attempt) {
      const key = keyOf(worker, job)
      noted.delete(key)
      noted.set(key, { attempt, attemptsStarted: job.attemptsStarted, timestamp: job.timestamp })
      if (noted.size > limit) noted.delete(noted.keys().next().value as string)
    },
    take(worker, job) {
      if (noted.size === 0) return undefined
      const key = keyOf(worker, job)
      const found = noted.get(key)
      if (found === undefined) return undefined
      noted.delete(key)
      // Another process may have made an attempt in between, and ids are given anew in a queue that was emptied.
      const isTheOneBefore =
        found.attemptsStarted === job.attemptsStarted - 1 && found.timestamp === job.timestamp
      return isTheOneBefore ? found.attempt : undefined
    },
  }
}
