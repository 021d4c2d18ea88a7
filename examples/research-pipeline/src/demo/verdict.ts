import type { Answer } from '../messages.ts'
import type { Summary } from './summary.ts'

/** What is not as it must be; nothing if the demo has shown what it is there to show. */
export function faultsOf(
  { before, after, agents }: Summary,
  answers: { readonly before: Answer; readonly after: Answer },
): string[] {
  const faults: string[] = []
  if (before.orphanRoots === 0) faults.push('without Waybill there must be orphan roots, but there are none')
  if (after.traces !== 1) faults.push(`with Waybill there must be one trace, but there are ${after.traces}`)
  if (after.orphanRoots !== 0)
    faults.push(`with Waybill there must be no orphan root, but there are ${after.orphanRoots}`)
  for (const [run, { findings }] of Object.entries(answers)) {
    const expected = findings[0]?.count ?? 1
    const distinct = new Set(findings.map(({ index }) => index)).size
    if (distinct !== expected) faults.push(`the run ${run} gave ${distinct} of ${expected} findings`)
  }
  if (answers.before.text !== answers.after.text) faults.push('the two runs gave different answers')

  const { spans, spansWithSession, toolCalls, joined } = after
  const expected = answers.after.findings.length
  if (spansWithSession !== spans)
    faults.push(`with Waybill the session must be on all ${spans} spans, but it is on ${spansWithSession}`)
  if (toolCalls !== expected)
    faults.push(`of ${expected} calls of the search tool ${toolCalls} are in one trace with its server`)
  if (joined !== expected) faults.push(`the answer must link ${expected} findings, but it links ${joined}`)
  if (agents.length < 2 || agents.some(({ depth }, place) => depth !== place))
    faults.push(
      `every agent must be one deeper than the one that asked it, but the depths are ${agents.map(({ depth }) => depth).join(', ')}`,
    )
  for (const { name, costSelf } of agents) if (!(costSelf > 0)) faults.push(`nobody knows what ${name} cost`)
  return faults
}
