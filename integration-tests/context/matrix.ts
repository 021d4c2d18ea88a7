import { context, trace } from '@opentelemetry/api'
import { contextVerdict, type ContextProbe, type ContextVerdict } from '@waybill/core/testing'
import type { Case } from './case.ts'
import { connectionCases } from './connections.ts'
import { emitterCases } from './emitters.ts'
import { languageCases } from './language.ts'
import { queueCases } from './queues.ts'
import { sandboxCases } from './sandbox.ts'
import { threadCases } from './threads.ts'

/** The 45 of the leak matrix. */
export const cases: readonly Case[] = [
  ...languageCases,
  ...emitterCases,
  ...queueCases,
  ...connectionCases,
  ...threadCases,
  ...sandboxCases,
]

/** What becomes of a case once it is mended. */
export async function mendedVerdict(scenario: Case['scenario']): Promise<ContextVerdict['verdict']> {
  const { verdict, marks } = await contextVerdict(scenario)
  // A loop belongs to nobody: there the right context is none.
  const detached = marks.every(({ owner, active }) => owner === 'nobody' && active === undefined)
  return detached ? 'right' : verdict
}

/** Runs a batcher; which span is active for each of its callers, and in whose context. */
export async function batchSpans(run: (probe: ContextProbe) => unknown) {
  const active: unknown[] = []
  const { marks } = await contextVerdict(({ as, mark }) =>
    run({
      as,
      mark(owner) {
        active.push(trace.getSpan(context.active()))
        mark(owner)
      },
    }),
  )
  return { active, marks: marks.map((mark) => [mark.owner, mark.active]) }
}
