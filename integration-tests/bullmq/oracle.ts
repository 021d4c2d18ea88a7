import type { QueueEvent } from './backends.ts'

/** One start of a job by the server's own record; times are epoch ms. */
export interface TrueStart {
  readonly jobId: string
  readonly active: number
  /** When the job had become ready; `undefined` if the record does not say. */
  readonly ready: number | undefined
}

/**
 * When each start of each job happened and since when the job was ready, by the queue's event stream: from `waiting`, or
 * from the due time of the last `delayed`, unless the job was promoted before it.
 */
export function trueStarts(events: readonly QueueEvent[]): TrueStart[] {
  const due = new Map<string, number>()
  // A due time in the past makes no job ready before it was there.
  const stored = new Map<string, number>()
  const ready = new Map<string, number>()
  const starts: TrueStart[] = []
  for (const { event, jobId, prev, delay, at } of events) {
    if (event === 'delayed') {
      due.set(jobId, Number(delay))
      stored.set(jobId, at)
      ready.delete(jobId)
    } else if (event === 'waiting') {
      ready.set(
        jobId,
        prev === 'delayed' ? Math.max(stored.get(jobId) ?? 0, Math.min(at, due.get(jobId) ?? at)) : at,
      )
    } else if (event === 'active') {
      starts.push({ jobId, active: at, ready: ready.get(jobId) })
      ready.delete(jobId)
    }
  }
  return starts
}
