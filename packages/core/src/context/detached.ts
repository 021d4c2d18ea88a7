import { context as contextApi, ROOT_CONTEXT } from '@opentelemetry/api'

/**
 * Runs `fn` in the root context: for a loop, a subscription or a timer that is started while some span is active but
 * belongs to no one operation. Whatever it does later would otherwise join that span's trace for the life of the process.
 *
 * @example
 * runDetached(() => void pollForEver())
 */
export function runDetached<T>(fn: () => T): T {
  return contextApi.with(ROOT_CONTEXT, fn)
}
