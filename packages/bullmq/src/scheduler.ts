import { context as contextApi, createContextKey, ROOT_CONTEXT, type Context } from '@opentelemetry/api'
import type { Method } from './wrap.ts'

const NEXT_ITERATION = createContextKey('waybill.bullmq.next-iteration')

/** Whether BullMQ is adding the next iteration of a job scheduler by itself, in whatever context it happens to be. */
export function isNextIteration(context: Context): boolean {
  return context.getValue(NEXT_ITERATION) === true
}

/** Only a worker that has fetched one iteration adds the next with `override: false`; an application never does. */
export function markingNextIteration(original: Method): Method {
  return function upsertJobScheduler(this: unknown, ...args) {
    if ((args.at(-1) as { override?: unknown } | undefined)?.override !== false)
      return original.apply(this, args)
    return contextApi.with(ROOT_CONTEXT.setValue(NEXT_ITERATION, true), () => original.apply(this, args))
  }
}
