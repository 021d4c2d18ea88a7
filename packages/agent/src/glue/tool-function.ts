import { WaybillTypeError } from '@waybill/core/adapter'
import { checkName, PACKAGE, type Resolved } from '../settings.ts'
import { runTool } from '../step-spans.ts'

/** What frameworks tell a tool of its call, under the names that they use. */
interface Call {
  readonly toolCallId?: unknown
  readonly toolCall?: { readonly callId?: unknown; readonly id?: unknown } | undefined
  readonly agent?: { readonly toolCallId?: unknown } | undefined
}

/** `activeToolSpan` under these settings. */
export function toolFunction<A extends unknown[], R>(
  resolved: () => Resolved,
  name: string,
  execute: (...args: A) => R,
): (...args: A) => R {
  checkName('activeToolSpan', 'the name of a tool', name)
  if (typeof execute !== 'function') {
    throw new WaybillTypeError(
      { packageName: PACKAGE, functionName: 'activeToolSpan' },
      'the function that the tool executes',
      execute,
      'Wrap that function, not the tool: execute: activeToolSpan(name, execute).',
    )
  }
  return (...args) => runTool(resolved(), { name, callId: callIdIn(args) }, () => execute(...args))
}

/** The model's id of the call, behind the input: `details` of OpenAI Agents, `config` of LangChain, `context` of Mastra. */
function callIdIn(args: readonly unknown[]): string | undefined {
  for (const arg of args.slice(1)) {
    if (typeof arg !== 'object' || arg === null) continue
    const { toolCallId, toolCall, agent } = arg as Call
    const id = toolCall?.callId ?? toolCall?.id ?? toolCallId ?? agent?.toolCallId
    if (typeof id === 'string') return id
  }
  return undefined
}
