import type { Packed } from '@waybill/core'
import { runAgent, type AgentOptions, type AgentRun } from './agent-span.ts'
import { runAggregation, type AggregateOptions } from './aggregate.ts'
import { frameOf } from './frame.ts'
import type { AgentKeys } from './keys.ts'
import { resolveSettings, type AgentSettings, type Resolved } from './settings.ts'
import { runDelegation, runPlan, runTool, type DelegationOptions, type ToolOptions } from './step-spans.ts'

/** The functions of this package under settings of their own. */
export interface Agents {
  readonly keys: AgentKeys
  readonly withAgentSpan: typeof withAgentSpan
  readonly withDelegationSpan: typeof withDelegationSpan
}

/**
 * The functions of this package under other settings than the defaults: another prefix, prices, a guard for all agents.
 *
 * @throws WaybillTypeError on a bad setting
 * @example
 * export const { withAgentSpan } = createAgents({ prefix: 'acme.agent', maxDepth: 5 })
 */
export function createAgents(settings?: AgentSettings): Agents {
  const resolved = resolveSettings(settings)
  return {
    keys: resolved.keys,
    withAgentSpan: (options, fn) => runAgent(resolved, options, fn),
    withDelegationSpan: (options, fn) => runDelegation(resolved, options, fn),
  }
}

let defaults: Resolved | undefined

/** The default settings. */
function standard(): Resolved {
  return (defaults ??= resolveSettings())
}

/** The settings of the agent at work; else the default ones. */
function current(): Resolved {
  return frameOf()?.resolved ?? standard()
}

/**
 * Runs an agent: a span `invoke_agent {name}` with its role, the depth of its delegation and the agent that delegated to it.
 * Depth and caller travel in baggage, so they are known across queues and MCP; the count is of agents, not of hops. What `fn`
 * publishes or calls lies under the span. Result and error are those of `fn`.
 *
 * @throws DelegationDepthError past `maxDepth`, before `fn` is called
 * @throws WaybillTypeError on a bad option
 * @example
 * await withAgentSpan({ name: 'planner', role: 'planner', maxDepth: 4 }, async () => plan(question))
 */
export function withAgentSpan<T>(options: AgentOptions, fn: (agent: AgentRun) => T): T {
  return runAgent(standard(), options, fn)
}

/**
 * Runs the planning of the agent at work in a span `plan {agent}`.
 *
 * @example
 * const steps = await withPlanSpan(() => model.plan(question))
 */
export function withPlanSpan<T>(fn: () => T): T {
  return runPlan(current(), fn)
}

/**
 * Executes a tool in a span `execute_tool {name}` that is active meanwhile: what the tool publishes or calls lies under it.
 * For loops of your own; see the README for the frameworks.
 *
 * @throws WaybillTypeError on a bad option
 * @example
 * await withToolSpan({ name: 'search', callId: call.id }, () => search(call.arguments))
 */
export function withToolSpan<T>(options: ToolOptions, fn: () => T): T {
  return runTool(current(), options, fn)
}

/**
 * Puts a CLIENT span `invoke_agent {target}` around the send that delegates to another agent, for backends that draw agents
 * from such spans. Nothing else needs it: depth and caller are carried without.
 *
 * @throws WaybillTypeError on a bad option
 * @example
 * await withDelegationSpan({ target: 'planner', provider: 'acme' }, () => queue.add('plan', question))
 */
export function withDelegationSpan<T>(options: DelegationOptions, fn: () => T): T {
  return runDelegation(current(), options, fn)
}

/**
 * Puts several results together in one span that links where each came from. Unlike `batchContext` of `@waybill/core` it
 * stays under the active span, since here it is known whose work this is.
 *
 * @param items each packed where it came in, by `pack` of `@waybill/core`; from a store, `{ item, context: extract(carrier) }`
 * @throws WaybillTypeError on an item that is not packed, or a bad option
 * @example
 * const answer = await aggregate(findings, (plain) => model.summarise(plain))
 */
export function aggregate<T, R>(
  items: readonly Packed<T>[],
  fn: (items: T[]) => R,
  options?: AggregateOptions,
): R {
  return runAggregation(current(), items, fn, options)
}
