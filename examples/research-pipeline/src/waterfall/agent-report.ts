import type { AgentFigures } from '../spans/agents.ts'
import { type Ink, plain } from './ink.ts'

/** As people read small amounts: all of a call's digits that count. */
export function formatCost(dollars: number): string {
  return `$${dollars.toFixed(6)}`
}

export function totalCost(agents: readonly AgentFigures[]): number {
  return agents.reduce((total, { costSelf }) => total + costSelf, 0)
}

/** A line for each agent, set in by its depth, and the sum. */
export function agentReport(agents: readonly AgentFigures[], ink: Ink = plain): string[] {
  const line = (name: string, ...columns: [string, string, string, string, string, string]): string => {
    const [role, depth, caller, runs, tokens, cost] = columns
    return `${name.padEnd(22)} ${role.padEnd(13)} ${depth.padStart(5)}  ${caller.padEnd(13)} ${runs.padStart(4)} ${tokens.padStart(14)} ${cost.padStart(11)}`
  }
  return [
    ink.faint(line('agent', 'role', 'depth', 'asked by', 'runs', 'tokens in/out', 'own cost')),
    ...agents.map(({ name, role, depth, caller = '', runs, inputTokens, outputTokens, costSelf }) =>
      line(
        `${'  '.repeat(depth)}${name}`,
        role,
        String(depth),
        caller,
        String(runs),
        `${inputTokens} / ${outputTokens}`,
        formatCost(costSelf),
      ),
    ),
    ink.strong(line('all agents', '', '', '', '', '', formatCost(totalCost(agents)))),
  ]
}
