import type { Answer } from '../messages.ts'
import type { Summary } from './summary.ts'

/** What is not as it must be; nothing if the demo has shown what it is there to show. */
export function faultsOf(
  { after }: Summary,
  answers: { readonly before: Answer; readonly after: Answer },
): string[] {
  const faults: string[] = []
  if (after.traces !== 1) faults.push(`with Waybill there must be one trace, but there are ${after.traces}`)
  if (after.orphanRoots !== 0)
    faults.push(`with Waybill there must be no orphan root, but there are ${after.orphanRoots}`)
  for (const [run, { findings }] of Object.entries(answers)) {
    const expected = findings[0]?.count ?? 1
    const distinct = new Set(findings.map(({ index }) => index)).size
    if (distinct !== expected) faults.push(`the run ${run} gave ${distinct} of ${expected} findings`)
  }
  if (answers.before.text !== answers.after.text) faults.push('the two runs gave different answers')
  return faults
}
