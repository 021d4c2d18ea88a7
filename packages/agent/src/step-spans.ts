import { context as contextApi, SpanKind } from '@opentelemetry/api'
import { isText, type Check } from '@waybill/core/adapter'
import { frameOf } from './frame.ts'
import {
  ATTR_AGENT_NAME,
  ATTR_CALLER_NAME,
  ATTR_CALLER_TYPE,
  ATTR_OPERATION_NAME,
  ATTR_PROVIDER_NAME,
  ATTR_TOOL_CALL_ID,
  ATTR_TOOL_NAME,
  ATTR_TOOL_TYPE,
} from './semconv.ts'
import { checkCall, checkName, type Resolved } from './settings.ts'
import { inSpan } from './spans.ts'

/** What is known of a tool before it is executed. */
export interface ToolOptions {
  /** `gen_ai.tool.name` */
  readonly name: string
  /** `gen_ai.tool.call.id`, the model's own id of this call. */
  readonly callId?: string | undefined
  /** `gen_ai.tool.type`: `function` (default), `extension`, `datastore`. */
  readonly type?: string | undefined
}

/** The agent that work is delegated to. */
export interface DelegationOptions {
  /** Name of the agent, `gen_ai.agent.name`. */
  readonly target: string
  /** `gen_ai.provider.name`, which the standard requires of such a span: who runs that agent. */
  readonly provider: string
}

const TOOL_CHECKS: Record<keyof ToolOptions, Check> = { name: isText, callId: isText, type: isText }
const DELEGATION_CHECKS: Record<keyof DelegationOptions, Check> = { target: isText, provider: isText }

/** `withPlanSpan` under these settings. */
export function runPlan<T>(resolved: Resolved, fn: () => T): T {
  const agent = frameOf()?.name
  return inSpan(
    resolved,
    {
      name: agent === undefined ? 'plan' : `plan ${agent}`,
      attributes: { [ATTR_OPERATION_NAME]: 'plan', ...(agent !== undefined && { [ATTR_AGENT_NAME]: agent }) },
    },
    fn,
  )
}

/** `withToolSpan` under these settings. */
export function runTool<T>(resolved: Resolved, options: ToolOptions, fn: () => T): T {
  checkName('withToolSpan', 'a tool with a name', (options as ToolOptions | undefined)?.name)
  checkCall('withToolSpan', options, TOOL_CHECKS)
  const { name, callId, type = 'function' } = options
  return inSpan(
    resolved,
    {
      name: `execute_tool ${name}`,
      attributes: { [ATTR_OPERATION_NAME]: 'execute_tool', [ATTR_TOOL_NAME]: name },
      details: () => ({
        [ATTR_TOOL_TYPE]: type,
        ...(callId !== undefined && { [ATTR_TOOL_CALL_ID]: callId }),
      }),
    },
    fn,
  )
}

/** `withDelegationSpan` under these settings. */
export function runDelegation<T>(resolved: Resolved, options: DelegationOptions, fn: () => T): T {
  checkName(
    'withDelegationSpan',
    'the name of an agent as target',
    (options as DelegationOptions | undefined)?.target,
  )
  checkName('withDelegationSpan', 'the name of a provider', options.provider)
  checkCall('withDelegationSpan', options, DELEGATION_CHECKS)
  const caller = frameOf(contextApi.active())?.name
  const { keys, semconvMode } = resolved
  return inSpan(
    resolved,
    {
      name: `invoke_agent ${options.target}`,
      kind: SpanKind.CLIENT,
      attributes: {
        [ATTR_OPERATION_NAME]: 'invoke_agent',
        [ATTR_AGENT_NAME]: options.target,
        [ATTR_PROVIDER_NAME]: options.provider,
      },
      details: () => ({
        ...(caller !== undefined && { [keys.caller]: caller }),
        ...(caller !== undefined &&
          semconvMode === 'both' && { [ATTR_CALLER_NAME]: caller, [ATTR_CALLER_TYPE]: 'agent' }),
      }),
    },
    fn,
  )
}
