import { SpanStatusCode, type Attributes, type Exception, type Span } from '@opentelemetry/api'
import { ATTR_ERROR_TYPE } from './semconv.ts'
import type { Failure } from './settle.ts'

/** How an operation ended: it failed if either is there. */
export interface Ending {
  readonly failure?: Failure | undefined
  /** `error.type` where the thrown value does not say it: `nack`, `NO_ROUTE`. */
  readonly errorType?: string | undefined
}

/** Low-cardinality name of a thrown value, for `error.type`. */
export function errorTypeOf(error: unknown): string {
  if (error instanceof Error) return error.name === 'Error' ? error.constructor.name || 'Error' : error.name
  return error === null ? 'null' : typeof error
}

/** `error.type` of an operation that ended so; `undefined` if it succeeded. */
export function errorTypeIn({ failure, errorType }: Ending): string | undefined {
  return errorType ?? (failure && errorTypeOf(failure.error))
}

/**
 * Puts a failure, if there is one, on a span: status ERROR, `error.type`, and the exception with its stack. Only name, message and stack
 * are taken: clients hang the failed command with the user's data on the error (ioredis: `error.command.args`).
 */
export function recordFailure(span: Span, ending: Ending): void {
  const errorType = errorTypeIn(ending)
  if (errorType === undefined) return
  const error = ending.failure === undefined ? new Error(errorType) : ending.failure.error
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

/** The attributes of a metric point of an operation that ended so: with `error.type` if it failed. */
export function withFailure(attributes: Attributes, ending: Ending): Attributes {
  const errorType = errorTypeIn(ending)
  return errorType === undefined ? attributes : { ...attributes, [ATTR_ERROR_TYPE]: errorType }
}
