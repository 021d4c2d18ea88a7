import { SpanStatusCode, trace } from '@opentelemetry/api'
import { ATTR_ERROR_TYPE, settle } from '@waybill/core/adapter'
import type { Resolved } from '../settings.ts'
import { runTool } from '../step-spans.ts'
import { recordHere } from '../usage.ts'

/** The part of a tool call's request that is read. */
interface ToolCallRequest {
  readonly toolCall: { readonly name: string; readonly id?: string | undefined }
}

/** The part of a model's answer that is read. */
interface ModelAnswer {
  readonly id?: unknown
  readonly usage_metadata?: { readonly input_tokens?: unknown; readonly output_tokens?: unknown } | undefined
  readonly response_metadata?: { readonly model_name?: unknown; readonly model?: unknown } | undefined
}

/** A middleware for `createAgent` of LangChain 1. */
export interface AgentMiddleware {
  readonly name: 'waybill'
  wrapToolCall<Q extends ToolCallRequest, R>(request: Q, handler: (request: Q) => R): R
  wrapModelCall<Q, R>(request: Q, handler: (request: Q) => R): R
}

/** `agentMiddleware` under these settings. */
export function createMiddleware(resolved: () => Resolved): AgentMiddleware {
  return {
    name: 'waybill',
    wrapToolCall: (request, handler) => {
      const { name, id } = request.toolCall
      return runTool(resolved(), { name, callId: id }, () =>
        settle(
          () => handler(request),
          (_failure, answer) => {
            // LangChain hands what a tool threw to the model as its answer.
            if ((answer as { status?: unknown } | undefined)?.status !== 'error') return
            const span = trace.getActiveSpan()
            span?.setAttribute(ATTR_ERROR_TYPE, 'tool_error')
            span?.setStatus({ code: SpanStatusCode.ERROR })
          },
        ),
      )
    },
    wrapModelCall: (request, handler) =>
      settle(
        () => handler(request),
        (failure, answer) => {
          if (failure === undefined) count(resolved(), answer as ModelAnswer | undefined)
        },
      ),
  }
}

function count(resolved: Resolved, answer: ModelAnswer | undefined): void {
  const usage = answer?.usage_metadata
  if (usage === undefined) return
  const model = answer?.response_metadata?.model_name ?? answer?.response_metadata?.model
  recordHere(resolved, {
    inputTokens: usage.input_tokens as number | undefined,
    outputTokens: usage.output_tokens as number | undefined,
    model: typeof model === 'string' ? model : undefined,
  })
}
