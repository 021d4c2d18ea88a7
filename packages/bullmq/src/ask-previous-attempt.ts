import { parseWaybill, recordGetter, safely, WAYBILL_FIELD, type Telemetry } from '@waybill/core/adapter'
import { propagation, ROOT_CONTEXT, trace } from '@opentelemetry/api'
import { ATTEMPT_FIELD, carrierOf } from './metadata.ts'
import type { PreviousAttempt } from './previous-attempts.ts'
import type { Job, Worker } from './types.ts'

/** What of a worker leads to the Redis that keeps its jobs; another backend drops what is asked for here. */
interface Keeper {
  toKey(id: string): string
  /** BullMQ 6. */
  getBackend?(): { readonly client?: unknown }
  /** BullMQ 5. */
  readonly client?: unknown
}
interface Client {
  hget(key: string, field: string): Promise<unknown>
}

/** Redis answers in well under this; a job must not wait for telemetry when it does not. */
const PATIENCE_MS = 1000

/**
 * The end of the attempt before, as the process that made it has left it with the job: BullMQ stores the metadata of a
 * failure in the hash field `tm`, and reads it nowhere. `undefined` for whatever is not certain. Never rejects.
 */
export async function askPreviousAttempt(
  telemetry: Telemetry,
  worker: Worker,
  job: Job,
): Promise<PreviousAttempt | undefined> {
  let patience: NodeJS.Timeout | undefined
  try {
    const late = new Promise<undefined>((resolve) => {
      patience = setTimeout(() => {
        resolve(undefined)
      }, PATIENCE_MS)
    })
    const stored = await Promise.race([read(worker as unknown as Keeper, job), late])
    return previousIn(stored, job, telemetry.now())
  } catch (error) {
    safely(telemetry.log, 'asking for the attempt before', undefined, () => {
      throw error
    })
    return undefined
  } finally {
    clearTimeout(patience)
  }
}

async function read(worker: Keeper, job: Job): Promise<unknown> {
  const client = (await (worker.getBackend?.().client ?? worker.client)) as Client | undefined
  return client?.hget(worker.toKey(job.id ?? ''), 'tm')
}

/** What a stored failure says of the attempt right before this one. */
export function previousIn(stored: unknown, job: Job, now: number): PreviousAttempt | undefined {
  const fields = carrierOf(stored)
  const [started, settlement] = String(fields?.[ATTEMPT_FIELD]).split(':')
  // An attempt in between, by a worker that leaves nothing, would make this the end of an earlier one.
  if (Number(started) !== job.attemptsStarted - 1) return undefined
  const { sent: ended } = parseWaybill(recordGetter.get(fields, WAYBILL_FIELD) as string | undefined, now)
  if (ended === undefined) return undefined
  const backoff = settlement === 'retry' ? 0 : backoffOf(job)
  const context = propagation.extract(ROOT_CONTEXT, fields, recordGetter)
  return { ended, backoff, span: trace.getSpanContext(context) }
}

/** The backoff that BullMQ has computed, where it is no matter of chance or of a strategy that only the worker knows. */
function backoffOf({ opts, attemptsMade }: Job): number | undefined {
  const { backoff } = opts ?? {}
  if (typeof backoff === 'number') return backoff
  if (backoff?.delay === undefined || (backoff.jitter ?? 0) > 0) return undefined
  if (backoff.type === 'fixed') return backoff.delay
  return backoff.type === 'exponential' ? Math.round(2 ** (attemptsMade - 1) * backoff.delay) : undefined
}
