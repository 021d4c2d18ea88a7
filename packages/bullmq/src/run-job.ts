import { context as contextApi } from '@opentelemetry/api'
import { safely, settle, WaybillTypeError } from '@waybill/core/adapter'
import { beginAttempt } from './attempt.ts'
import { internalsOf } from './internals.ts'
import type { Job, Worker } from './types.ts'

const ORIGIN = { packageName: '@waybill/bullmq', functionName: 'runJob' } as const

/** The slice of a BullMQ `Worker` that `runJob` needs; it has the telemetry in its options. */
type AnyWorker = Pick<Worker, 'id' | 'name' | 'on'> & { readonly opts: object }

/**
 * Works on a job that was fetched by hand with `worker.getNextJob()`, in the same span and context that a processor runs
 * in; what the handler adds, and its `moveToCompleted` or `moveToFailed`, is part of the job's trace. A worker whose
 * `telemetry` is not ours, or none, just runs the handler.
 *
 * @returns what the handler returns
 * @throws WaybillTypeError if `worker` is no worker or `job` no job; else what the handler throws
 * @example
 * const job = await worker.getNextJob(token)
 * if (job) await runJob(worker, job, async () => job.moveToCompleted(await bill(job.data), token, false))
 */
export function runJob<T>(worker: AnyWorker, job: object, handler: () => T): T {
  if (typeof (worker as Partial<AnyWorker> | null)?.opts !== 'object')
    throw new WaybillTypeError(ORIGIN, 'a BullMQ Worker', worker, 'Pass the worker that fetched the job.')
  if (typeof (job as Partial<Job> | null)?.attemptsStarted !== 'number')
    throw new WaybillTypeError(ORIGIN, 'a BullMQ Job', job, 'getNextJob() gives none when no job is waiting.')
  const internals = internalsOf((worker as Worker).opts.telemetry)
  if (internals === undefined) return handler()
  const { log } = internals.telemetry
  const seen = { worker: worker as Worker, job: job as Job }
  const previous = safely(log, 'remembering an attempt', undefined, () =>
    internals.attempts.take(seen.worker, seen.job),
  )
  const metadata = seen.job.opts?.telemetry?.metadata
  const attempt = safely(log, 'starting a process span', undefined, () =>
    beginAttempt(internals, worker.name, metadata, { ...seen, previous }),
  )
  if (attempt === undefined) return handler()
  return settle(
    () => contextApi.with(attempt.context, handler),
    (failure) => {
      safely(log, 'ending a process span', undefined, () => {
        attempt.end({ failure })
      })
    },
  )
}
