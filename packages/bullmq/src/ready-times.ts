/** One event of a queue, as BullMQ's own record tells it. */
export interface QueueEvent {
  readonly jobId?: string | undefined
  readonly prev?: string | undefined
  /** Of `delayed`: the due time, epoch ms. */
  readonly delay?: number | string | undefined
}

/** How a job became ready, by the state it was in before. */
export type ReadyBy = 'added' | 'delayed' | 'active' | 'waiting-children' | 'failed' | 'completed'

/** How long a job was ready before it started. */
export interface Wait {
  readonly ms: number
  readonly readyBy: ReadyBy
}

interface Ready {
  readonly at: number
  readonly by: ReadyBy
}

/** Follows the jobs of one queue from event to event. All times are epoch ms by the broker's clock. */
export interface ReadyTimes {
  /** Takes the next event; gives the wait that it ends. */
  next(event: string, about: QueueEvent, at: number): Wait | undefined
  /** Number of jobs that are followed. */
  readonly size: number
}

const OVER = new Set(['completed', 'failed', 'removed'])

/**
 * A job is ready when `waiting` says so, a delayed one from its due time on unless it was promoted before. Each start ends
 * one wait. Jobs whose record began before we listened are not followed, so nothing is claimed of them.
 *
 * @param limit most jobs that are followed; of those beyond it the oldest are given up
 */
export function readyTimes(limit: number): ReadyTimes {
  const ready = new Map<string, Ready>()
  const due = new Map<string, { readonly at: number; readonly stored: number }>()
  const keep = <V>(map: Map<string, V>, id: string, value: V): void => {
    map.delete(id)
    map.set(id, value)
    if (map.size > limit) map.delete(map.keys().next().value as string)
  }

  return {
    get size() {
      return ready.size + due.size
    },
    next(event, { jobId: id, prev, delay }, at) {
      if (id === undefined) return undefined
      if (event === 'delayed') {
        ready.delete(id)
        keep(due, id, { at: Number(delay), stored: at })
      } else if (event === 'waiting') {
        const delayed = prev === 'delayed' ? due.get(id) : undefined
        // A due time in the past makes no job ready before it was there.
        const since = delayed === undefined ? at : Math.max(delayed.stored, Math.min(at, delayed.at))
        due.delete(id)
        keep(ready, id, { at: Number.isFinite(since) ? since : at, by: (prev ?? 'added') as ReadyBy })
      } else if (event === 'active') {
        const since = ready.get(id)
        ready.delete(id)
        due.delete(id)
        return since && { ms: at - since.at, readyBy: since.by }
      } else if (OVER.has(event)) {
        ready.delete(id)
        due.delete(id)
      }
      return undefined
    },
  }
}
