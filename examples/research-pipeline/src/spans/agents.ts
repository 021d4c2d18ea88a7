import type { ReceivedSpan } from './span.ts'

/** An agent of the request, by its own spans. */
export interface AgentFigures {
  readonly name: string
  readonly role: string
  /** Number of agents above it. */
  readonly depth: number
  /** Who delegated to it; nobody, to the first. */
  readonly caller?: string
  readonly runs: number
  readonly inputTokens: number
  readonly outputTokens: number
  /** Of its own calls of models, so that the sum over all agents is the cost of the request. */
  readonly costSelf: number
}

/** All agents whose depth is known, the outermost first; an agent at two depths, or of two callers, is told of twice. */
export function agentFigures(spans: readonly ReceivedSpan[]): AgentFigures[] {
  const runs = spans.filter(
    ({ attributes }) =>
      attributes['gen_ai.operation.name'] === 'invoke_agent' &&
      attributes['app.agent.delegation.depth'] !== undefined,
  )
  const groups = Map.groupBy(runs, ({ attributes }) =>
    ['gen_ai.agent.name', 'app.agent.delegation.depth', 'app.agent.caller']
      .map((key) => JSON.stringify(attributes[key]))
      .join('\0'),
  )
  return Array.from(groups.values(), figuresOf).toSorted((a, b) => a.depth - b.depth)
}

/** @param runs at least one, all of the same agent at the same place */
function figuresOf(runs: readonly ReceivedSpan[]): AgentFigures {
  const { attributes } = runs[0] as ReceivedSpan
  const text = (key: string): string | undefined => {
    const value = attributes[key]
    return typeof value === 'string' ? value : undefined
  }
  const caller = text('app.agent.caller')
  return {
    name: text('gen_ai.agent.name') ?? '',
    role: text('app.agent.role') ?? '',
    depth: Number(attributes['app.agent.delegation.depth']),
    ...(caller !== undefined && { caller }),
    runs: runs.length,
    inputTokens: sum(runs, 'app.agent.usage.self.input_tokens'),
    outputTokens: sum(runs, 'app.agent.usage.self.output_tokens'),
    costSelf: toNanos(sum(runs, 'app.agent.cost.amount')),
  }
}

function sum(spans: readonly ReceivedSpan[], key: string): number {
  return spans.reduce((total, { attributes }) => total + Number(attributes[key] ?? 0), 0)
}

/** Sums of floating-point numbers carry digits that nobody was charged for. */
function toNanos(amount: number): number {
  return Math.round(amount * 1e9) / 1e9
}
