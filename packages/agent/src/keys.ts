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
