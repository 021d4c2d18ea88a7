/** The default prefix of our own names. `app.*` is OpenTelemetry's namespace for applications, hence configurable. */
export const DEFAULT_PREFIX = 'app.agent'

/** All names of our own, under one prefix. None of them lies under `gen_ai.*`. */
export interface AgentKeys {
  /** What an agent is for, of low cardinality: `orchestrator`, `specialist`. */
  readonly role: string
  /** Int from 0: agents above this one. On the span, and as a member of baggage. */
  readonly depth: string
  /** Name of the agent that delegated to this one. */
  readonly caller: string
  /** Name of the agent at work, as a member of baggage: the next agent's caller. */
  readonly name: string
  /** Int: how many items an aggregation had. */
  readonly items: string
  /** Ints: tokens and calls of models by the agent itself. */
  readonly selfInput: string
  readonly selfOutput: string
  readonly selfCalls: string
  /** Double: what these calls cost. Direct cost only, so that the sum over all spans of a trace is its cost. */
  readonly costAmount: string
  /** ISO 4217. */
  readonly costCurrency: string
  /** Ints: the same of the agent and those below it, as far as it knows when its span ends. */
  readonly subtreeInput: string
  readonly subtreeOutput: string
  readonly subtreeCalls: string
  /** Double: what all of these cost. An aggregate: never to be added to anything. */
  readonly subtreeCost: string
  /** Boolean: whether that is all there was. */
  readonly subtreeComplete: string
  /** The field of a reply in which usage travels back. */
  readonly reply: string
  /** Metrics: tokens, and cost in the settings' currency. */
  readonly tokens: string
  readonly cost: string
}

/**
 * The names of our own under a prefix.
 *
 * @param prefix default `app.agent`
 * @example
 * const { depth } = agentKeys('acme.agent') // acme.agent.delegation.depth
 */
export function agentKeys(prefix: string = DEFAULT_PREFIX): AgentKeys {
  return {
    role: `${prefix}.role`,
    depth: `${prefix}.delegation.depth`,
    caller: `${prefix}.caller`,
    name: `${prefix}.name`,
    items: `${prefix}.aggregate.items`,
    selfInput: `${prefix}.usage.self.input_tokens`,
    selfOutput: `${prefix}.usage.self.output_tokens`,
    selfCalls: `${prefix}.usage.self.calls`,
    costAmount: `${prefix}.cost.amount`,
    costCurrency: `${prefix}.cost.currency`,
    subtreeInput: `${prefix}.usage.subtree.input_tokens`,
    subtreeOutput: `${prefix}.usage.subtree.output_tokens`,
    subtreeCalls: `${prefix}.usage.subtree.calls`,
    subtreeCost: `${prefix}.usage.subtree.cost`,
    subtreeComplete: `${prefix}.usage.subtree.complete`,
    reply: `${prefix}.usage`,
    tokens: `${prefix}.tokens`,
    cost: `${prefix}.cost`,
  }
}

/**
 * The members of baggage in which depth and caller travel, for the allow-lists of adapters (`sendBaggage`, `acceptBaggage`)
 * and of `baggageSpanProcessor`. A list without them leaves the guard blind.
 *
 * @param prefix default `app.agent`
 */
export function agentBaggage(prefix: string = DEFAULT_PREFIX): string[] {
  const { depth, name } = agentKeys(prefix)
  return [depth, name]
}
