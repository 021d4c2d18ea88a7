import type { Packed } from '@waybill/core'
import { runAgent, type AgentOptions, type AgentRun } from './agent-span.ts'
import { runAggregation, type AggregateOptions } from './aggregate.ts'
import { frameOf } from './frame.ts'
import { createMiddleware, type AgentMiddleware } from './glue/langchain.ts'
import { countModel, type AgentsModel } from './glue/openai-agents.ts'
import { toolFunction } from './glue/tool-function.ts'
import type { AgentKeys } from './keys.ts'
import { attach, merge } from './reply.ts'
import { resolveSettings, type AgentSettings, type Resolved } from './settings.ts'
import { runDelegation, runPlan, runTool, type DelegationOptions, type ToolOptions } from './step-spans.ts'
import { recordHere, type ModelUsage } from './usage.ts'
import { createUsageProcessor, type UsageSpanProcessor } from './usage-processor.ts'

/** The functions of this package under settings of their own. */
export interface Agents {
  readonly keys: AgentKeys
  readonly withAgentSpan: typeof withAgentSpan
  readonly withDelegationSpan: typeof withDelegationSpan
  readonly recordUsage: typeof recordUsage
  readonly usageSpanProcessor: typeof usageSpanProcessor
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
    recordUsage: (usage) => recordHere(resolved, usage),
    usageSpanProcessor: () => createUsageProcessor(resolved),
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

/**
 * Counts what one call of a model used, for the agent at work and in the metrics `app.agent.tokens` and `app.agent.cost`.
 * Counts sampled or not, which a span processor cannot: unsampled spans reach none. Inside the span of the call it is counted
 * once, even where `usageSpanProcessor` sees that span too. Never throws.
 *
 * @example
 * recordUsage({ model: 'gpt-5', inputTokens: usage.prompt_tokens, outputTokens: usage.completion_tokens })
 */
export function recordUsage(usage: ModelUsage): void {
  recordHere(standard(), usage)
}

/**
 * A span processor for SDK 2 and SDK 3 that counts what calls of models used, from the spans of whatever instruments them
 * (`gen_ai.usage.*`, OpenInference): for the agent they were made by, and in metrics. Spans of agents, which repeat the
 * totals, are left out, and so is the outer of two spans of one call.
 *
 * @example
 * new NodeSDK({ spanProcessors: [usageSpanProcessor(), exporting] })
 */
export function usageSpanProcessor(): UsageSpanProcessor {
  return createUsageProcessor(standard())
}

/**
 * A copy of a reply with what the agent at work has used, itself and through those below, as one more field of text:
 * `app.agent.usage`. For the body of a reply or its headers; attach it to the reply to a failure as well, or what failed is
 * known to nobody. At most 64 calls are told of; with more the whole is not known to be complete.
 *
 * @throws WaybillTypeError if `reply` is no plain object
 * @example
 * await answers.add('answer', attachUsage({ answer }))
 */
export function attachUsage<T extends object>(reply: T): T & Partial<Record<string, string>> {
  return attach(reply)
}

/**
 * Takes what a reply tells of usage into the account of the agent at work, and gives the reply without that field. The same
 * reply twice, or in another order, changes nothing. Never throws.
 *
 * @example
 * const { answer } = mergeUsage(job.data)
 */
export function mergeUsage<T>(reply: T): T {
  return merge(reply)
}

/**
 * The function of a tool with a span `execute_tool {name}` that is active while it runs, for frameworks whose own spans are
 * not: LangChain and LangGraph (`tool(activeToolSpan('search', search), …)`), OpenAI Agents
 * (`tool({ name: 'search', execute: activeToolSpan('search', search), … })`). What it publishes lies under that span.
 *
 * @throws WaybillTypeError if this is no name, or no function
 * @example
 * const search = tool({ name: 'search', execute: activeToolSpan('search', searching), description, parameters })
 */
export function activeToolSpan<A extends unknown[], R>(
  name: string,
  execute: (...args: A) => R,
): (...args: A) => R {
  return toolFunction(current, name, execute)
}

/**
 * A middleware for `createAgent` of LangChain 1: every tool runs in an active span `execute_tool {name}`, and what its models
 * used is counted. Leave `usageSpanProcessor` out where an instrumentation makes spans of these models too.
 *
 * @example
 * const agent = createAgent({ model, tools, middleware: [agentMiddleware()] })
 */
export function agentMiddleware(): AgentMiddleware {
  return createMiddleware(current)
}

/**
 * A model of OpenAI Agents that counts what it used for the agent at work; streamed answers as well. The model that is given
 * stays as it is.
 *
 * @param name by which it is priced, and counted in metrics
 * @throws WaybillTypeError if this is no model
 * @example
 * const agent = new Agent({ name: 'planner', model: countedModel(await provider.getModel('gpt-5'), 'gpt-5') })
 */
export function countedModel<M extends AgentsModel>(model: M, name?: string): M {
  return countModel(current, model, name)
}
