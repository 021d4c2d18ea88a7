import { context as contextApi, ROOT_CONTEXT } from '@opentelemetry/api'
import { suppressed } from '@waybill/core/adapter'
import { internalsOf } from './internals.ts'
import type { Worker } from './types.ts'
import type { Method } from './wrap.ts'

/**
 * Runs a worker's loop where Redis instrumentations start no spans, if the application wants that: it asks for jobs for
 * ever, in whatever context the worker was made in. A handler has its message's own context.
 */
export function runningQuietly(original: Method): Method {
  return function run(this: unknown, ...args) {
    const internals = internalsOf((this as Worker)?.opts?.telemetry)
    if (internals?.options.suppressRedis !== true) return original.apply(this, args)
    return contextApi.with(suppressed(ROOT_CONTEXT), () => original.apply(this, args))
  }
}
