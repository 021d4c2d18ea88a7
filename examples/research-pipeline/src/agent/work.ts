import { withAgentSpan } from './model.ts'
import { ofConversation, step } from './step.ts'

/** As whom a piece of work is done. */
export interface Role {
  readonly name: string
  readonly role: 'orchestrator' | 'planner' | 'specialist' | 'aggregator'
  readonly conversation: string
}

/** A run of an agent. Without Waybill its span is made by hand, with the names of the standard, which has none for the rest. */
export function workAs<T>(
  { name, role, conversation }: Role,
  waybill: boolean,
  work: () => Promise<T>,
): Promise<T> {
  if (waybill) return withAgentSpan({ name, role, conversationId: conversation }, work)
  const { attributes } = ofConversation(conversation)
  return step(`invoke_agent ${name}`, work, {
    attributes: { 'gen_ai.operation.name': 'invoke_agent', 'gen_ai.agent.name': name, ...attributes },
  })
}
