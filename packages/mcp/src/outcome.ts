import { SpanStatusCode, type Attributes, type Span } from '@opentelemetry/api'
import { ATTR_ERROR_TYPE, errorTypeOf } from '@waybill/core/adapter'
import { recordOf, textOf } from './request.ts'
import { ATTR_RPC_STATUS_CODE } from './semconv.ts'
import type { McpMessage } from './types.ts'

/** How a call ended. Without `errorType` it succeeded. */
export interface Outcome {
  readonly errorType?: string | undefined
  /** Code of a JSON-RPC error, as text. */
  readonly code?: string | undefined
  readonly description?: string | undefined
  /** What was answered; content. */
  readonly result?: unknown
}

export const SUCCESS: Outcome = {}

/** What a response says. `input_required` is a step of the conversation and no error. */
export function outcomeOf({ result, error }: McpMessage): Outcome {
  const failure = recordOf(error)
  if (failure !== undefined) {
    const code = String(failure['code'])
    return { errorType: code, code, description: textOf(failure['message']) }
  }
  return recordOf(result)?.['isError'] === true ? { errorType: 'tool_error', result } : { result }
}

/** What was thrown. Its message may be told: it is of the transport, or of the application's own handler. */
export function outcomeOfError(error: unknown): Outcome {
  return { errorType: errorTypeOf(error), description: error instanceof Error ? error.message : undefined }
}

/** Of a `notifications/cancelled`: both SDKs give their timeouts as the reason of a cancellation. */
export function outcomeOfCancel(params: unknown): Outcome {
  const reason = textOf(recordOf(params)?.['reason'])
  return {
    errorType: reason !== undefined && /timed? ?out/i.test(reason) ? 'timeout' : 'cancelled',
    description: reason,
  }
}

/** Attributes that a failed call has, on spans and points. */
export function outcomeAttributes({ errorType, code }: Outcome): Attributes {
  const attributes: Attributes = {}
  if (errorType !== undefined) attributes[ATTR_ERROR_TYPE] = errorType
  if (code !== undefined) attributes[ATTR_RPC_STATUS_CODE] = code
  return attributes
}

export function recordOutcome(span: Span, outcome: Outcome): void {
  if (outcome.errorType === undefined || !span.isRecording()) return
  span.setAttributes(outcomeAttributes(outcome))
  span.setStatus({ code: SpanStatusCode.ERROR, message: outcome.description ?? outcome.errorType })
}
