import { SpanStatusCode, type Attributes, type Exception, type Span } from '@opentelemetry/api'
import { ATTR_ERROR_TYPE } from './semconv.ts'

/** Low-cardinality name of a thrown value, for `error.type`. */
export function errorTypeOf(error: unknown): string {
  if (error instanceof Error) return error.name === 'Error' ? error.constructor.name || 'Error' : error.name
  return error === null ? 'null' : typeof error
}

/**
 * Puts a failure on a span: status ERROR, `error.type`, and the exception with its stack. Only name, message and stack
 * are taken: clients hang the failed command with the user's data on the error (ioredis: `error.command.args`).
 */
export function recordFailure(span: Span, error: unknown, errorType: string = errorTypeOf(error)): void {
  if (!span.isRecording()) return
  const message = error instanceof Error ? error.message : String(error)
  span.setAttribute(ATTR_ERROR_TYPE, errorType)
  span.setStatus({ code: SpanStatusCode.ERROR, message })
  span.recordException(exceptionOf(error, message))
}

function exceptionOf(error: unknown, message: string): Exception {
  if (!(error instanceof Error)) return { name: errorTypeOf(error), message }
  return error.stack === undefined
    ? { name: error.name, message }
    : { name: error.name, message, stack: error.stack }
}

/** Adds `error.type` to the attributes of a metric point of a failed operation. */
export function measureFailure(attributes: Attributes, errorType: string | undefined): void {
  if (errorType !== undefined) attributes[ATTR_ERROR_TYPE] = errorType
}
