import { context as contextApi, ROOT_CONTEXT, trace, TraceFlags, type Context } from '@opentelemetry/api'

/** One piece of work: whose it was, and whose context was active where it was done. */
export interface ContextMark {
  readonly owner: string
  /** `undefined` if no context was active. */
  readonly active: string | undefined
}

/** What a scenario has at hand. */
export interface ContextProbe {
  /** Runs `fn` in the context of this owner, as a request or a message of that name would. */
  as<T>(owner: string, fn: () => T): T
  /**
   * Called where the work of `owner` is done.
   *
   * @param there the context there; default: the active one. For another thread or process: `extract()` what it sent
   */
  mark(owner: string, there?: Context): void
}

/** How a library treats context. */
export interface ContextVerdict {
  /**
   * `right`: every piece of work ran in its owner's context. `wrong`: some ran in another's, so its spans would hang in
   * somebody else's trace, where no count of orphans shows them. `lost`: some ran in none.
   */
  readonly verdict: 'right' | 'wrong' | 'lost'
  readonly marks: readonly ContextMark[]
}

/**
 * Finds out whether work that is handed through a library runs in the context of whoever owns it: point it at yours.
 *
 * @throws Error if no context manager is registered, or if the scenario marked nothing: then nothing was checked
 * @example
 * const { verdict } = await contextVerdict(async ({ as, mark }) => {
 *   const queue = new SomeQueue(async (owner: string) => mark(owner))
 *   await Promise.all(['A', 'B'].map((owner) => as(owner, () => queue.push(owner))))
 * })
 * expect(verdict).toBe('right')
 */
export async function contextVerdict(scenario: (probe: ContextProbe) => unknown): Promise<ContextVerdict> {
  const owners: string[] = []
  const marks: ContextMark[] = []
  const probe: ContextProbe = {
    as: (owner, fn) => contextApi.with(contextOf(owner, owners), fn),
    mark: (owner, there = contextApi.active()) => {
      marks.push({ owner, active: ownerIn(there, owners) })
    },
  }
  if (probe.as('probe', () => ownerIn(contextApi.active(), owners)) !== 'probe')
    throw new Error(
      'contextVerdict() needs a context manager; register an OpenTelemetry SDK or one by itself',
    )
  await contextApi.with(ROOT_CONTEXT, async () => scenario(probe))
  if (marks.length === 0) throw new Error('The scenario never called mark(): nothing was checked')
  return { verdict: verdictOf(marks), marks }
}

function verdictOf(marks: readonly ContextMark[]): ContextVerdict['verdict'] {
  const misplaced = marks.filter(({ owner, active }) => active !== owner)
  if (misplaced.length === 0) return 'right'
  return misplaced.some(({ active }) => active !== undefined) ? 'wrong' : 'lost'
}

/** A span context that tells its owner by the trace id, so that it survives a carrier. */
function contextOf(owner: string, owners: string[]): Context {
  if (!owners.includes(owner)) owners.push(owner)
  const number = owners.indexOf(owner) + 1
  return trace.setSpanContext(ROOT_CONTEXT, {
    traceId: number.toString(16).padStart(32, '0'),
    spanId: number.toString(16).padStart(16, '0'),
    traceFlags: TraceFlags.SAMPLED,
  })
}

function ownerIn(there: Context, owners: readonly string[]): string | undefined {
  const traceId = trace.getSpanContext(there)?.traceId
  return traceId === undefined ? undefined : owners[Number.parseInt(traceId, 16) - 1]
}
