export {
  aggregate,
  createAgents,
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
