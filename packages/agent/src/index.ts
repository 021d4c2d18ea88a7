export {
  activeToolSpan,
  agentMiddleware,
  aggregate,
  attachUsage,
  countedModel,
  createAgents,
  mergeUsage,
  recordUsage,
  usageSpanProcessor,
  withAgentSpan,
  withDelegationSpan,
  withPlanSpan,
  withToolSpan,
  type Agents,
} from './agents.ts'
export type { AgentOptions, AgentRun } from './agent-span.ts'
export type { AggregateOptions } from './aggregate.ts'
export { DelegationDepthError } from './depth-error.ts'
export { agentBaggage, agentKeys, type AgentKeys } from './keys.ts'
export type { AgentSettings } from './settings.ts'
export type { DelegationOptions, ToolOptions } from './step-spans.ts'
export type { Price, Prices } from './prices.ts'
export type { ModelUsage } from './usage.ts'
export type { UsageSpanProcessor } from './usage-processor.ts'
export { contentGuard, type ContentGuard, type ContentGuardOptions, type Redact } from './sensitive/guard.ts'
export { recordSensitive, type SensitiveOptions } from './sensitive/record.ts'
export type { AgentMiddleware } from './glue/langchain.ts'
export type { AgentsModel } from './glue/openai-agents.ts'
