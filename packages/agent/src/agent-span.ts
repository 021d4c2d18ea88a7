import { context as contextApi, type Attributes, type Context, type Span } from '@opentelemetry/api'
import { isText, journeyOf, safely, warnOnce, withSendObserver, type Check } from '@waybill/core/adapter'
import { delegationOf, withDelegation } from './delegation.ts'
import { DelegationDepthError } from './depth-error.ts'
import { createFrame, frameOf, knowsAll, withFrame } from './frame.ts'
import {
  ATTR_AGENT_ID,
  ATTR_AGENT_NAME,
  ATTR_AGENT_VERSION,
  ATTR_CALLER_NAME,
  ATTR_CALLER_TYPE,
  ATTR_CONVERSATION_ID,
  ATTR_OPERATION_NAME,
} from './semconv.ts'
import { checkCall, checkName, isDepth, type Resolved } from './settings.ts'
import { inSpan } from './spans.ts'
import { usageAttributes } from './usage.ts'

/** What is known of an agent before it runs. */
export interface AgentOptions {
  /** `gen_ai.agent.name`, of low cardinality. */
  readonly name: string
  /** What it is for: `orchestrator`, `specialist`. On its metrics too, so of low cardinality. */
  readonly role?: string | undefined
  /** `gen_ai.agent.id`, that of a provider's resource; not one of each run. */
  readonly id?: string | undefined
  readonly version?: string | undefined
  /** `gen_ai.conversation.id`, the session or thread that all of this belongs to. */
  readonly conversationId?: string | undefined
  /** Deepest delegation at which this agent runs, 0 to 999. Default: the setting of that name. */
  readonly maxDepth?: number | undefined
}

/** An agent at work, as its own code sees it. */
export interface AgentRun {
  readonly span: Span
  /** Number of agents above this one: 0 for the one that was asked first. */
  readonly depth: number
  /** Name of the agent that delegated to this one. From baggage, so never to be used for authorisation. */
  readonly caller: string | undefined
}

const CHECKS: Record<keyof AgentOptions, Check> = {
  name: isText,
  role: isText,
  id: isText,
  version: isText,
  conversationId: isText,
  maxDepth: isDepth,
}
/** Depth past which an agent without a guard is warned about. */
const SUSPICIOUS_DEPTH = 8

/** `withAgentSpan` under these settings. */
export function runAgent<T>(resolved: Resolved, options: AgentOptions, fn: (agent: AgentRun) => T): T {
  checkName('withAgentSpan', 'an agent with a name', (options as AgentOptions | undefined)?.name)
  checkCall('withAgentSpan', options, CHECKS)
  const { keys, telemetry } = resolved
  const { name, role, maxDepth = resolved.maxDepth } = options
  const active = contextApi.active()
  const caller = safely(telemetry.log, 'reading the delegation', undefined, () =>
    delegatedBy(active, resolved),
  )
  const depth = caller === undefined ? 0 : caller.depth + 1
  const above = frameOf(active)
  const frame = createFrame({ resolved, name, role, depth, above }, journeyOf(active))

  if (maxDepth === undefined && depth > SUSPICIOUS_DEPTH)
    warnOnce(
      telemetry.log,
      'delegation depth',
      `agent ${name} runs at delegation depth ${depth}. If that is no intent, set maxDepth.`,
    )
  if (above !== undefined) above.running++
  return inSpan(
    resolved,
    {
      name: `invoke_agent ${name}`,
      attributes: { [ATTR_OPERATION_NAME]: 'invoke_agent', [ATTR_AGENT_NAME]: name },
      details: () => describe(resolved, options, depth, caller?.name),
      results: () => usageAttributes(frame, knowsAll(frame)),
      done: () => {
        if (above === undefined) return
        above.running--
        above.ledger.merge(frame.ledger.calls(), knowsAll(frame))
      },
    },
    (span) => {
      if (maxDepth !== undefined && depth > maxDepth)
        throw new DelegationDepthError(name, depth, maxDepth, caller?.name)
      return fn({ span, depth, caller: caller?.name })
    },
    (context) =>
      withSendObserver(withFrame(withDelegation(context, keys, depth, name), frame), frame.sends.add),
  )
}

/** The agent above: the one in this process, or the one that baggage tells of if that is deeper. */
function delegatedBy(
  context: Context,
  { keys }: Resolved,
): { depth: number; name: string | undefined } | undefined {
  const frame = frameOf(context)
  const carried = delegationOf(context, keys)
  // Whoever takes baggage away in between must not get below the guard.
  return frame !== undefined && frame.depth >= (carried?.depth ?? 0) ? frame : carried
}

function describe(
  { keys, semconvMode }: Resolved,
  { role, id, version, conversationId }: AgentOptions,
  depth: number,
  caller: string | undefined,
): Attributes {
  return {
    [keys.depth]: depth,
    ...(role !== undefined && { [keys.role]: role }),
    ...(id !== undefined && { [ATTR_AGENT_ID]: id }),
    ...(version !== undefined && { [ATTR_AGENT_VERSION]: version }),
    ...(conversationId !== undefined && { [ATTR_CONVERSATION_ID]: conversationId }),
    ...(caller !== undefined && { [keys.caller]: caller }),
    ...(caller !== undefined &&
      semconvMode === 'both' && { [ATTR_CALLER_NAME]: caller, [ATTR_CALLER_TYPE]: 'agent' }),
  }
}
