import type { Context } from '@opentelemetry/api'
import type { Outcome } from './outcome.ts'
import type { RequestFacts } from './request.ts'

/** Most calls of one direction that are remembered; beyond, the oldest is given up. */
const MAX_OPEN = 10_000

/** A request without its response yet. */
export interface OpenCall {
  readonly facts: RequestFacts
  /** What its callbacks run in: the caller's context, or that of the handler. */
  readonly context: Context
  /** Ends span and measurement. Later calls do nothing. */
  end(outcome: Outcome): void
}

/**
 * Requests by id, be it a number or its text: some servers answer `1` with `"1"`, and SDKs take that. The two sides of a connection count from
 * the same start, so each direction has its own.
 */
export interface OpenCalls {
  readonly size: number
  get(id: unknown): OpenCall | undefined
  add(id: unknown, call: OpenCall): void
  /** Takes a call out, to be ended by whoever takes it. */
  take(id: unknown): OpenCall | undefined
  /** Takes a call out and ends it. */
  end(id: unknown, outcome: Outcome): void
  endAll(outcome: Outcome): void
}

export function openCalls(limit: number = MAX_OPEN): OpenCalls {
  const calls = new Map<string, OpenCall>()
  const take = (id: unknown): OpenCall | undefined => {
    const key = String(id)
    const call = calls.get(key)
    calls.delete(key)
    return call
  }
  return {
    get size() {
      return calls.size
    },
    get: (id) => calls.get(String(id)),
    take,
    end: (id, outcome) => take(id)?.end(outcome),
    add(id, call) {
      take(id)?.end({ errorType: 'abandoned', description: 'another request has the same id' })
      if (calls.size >= limit) {
        const [oldest] = calls.keys()
        take(oldest)?.end({ errorType: 'abandoned', description: `more than ${limit} open requests` })
      }
      calls.set(String(id), call)
    },
    endAll(outcome) {
      const all = [...calls.values()]
      calls.clear()
      for (const call of all) call.end(outcome)
    },
  }
}
