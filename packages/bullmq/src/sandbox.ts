import { context as contextApi } from '@opentelemetry/api'
import { handOver } from '@waybill/core/adapter'
import { attemptIn } from './attempt.ts'
import { internalsOf } from './internals.ts'
import type { Job, Worker } from './types.ts'
import { wrapMethod, type Method } from './wrap.ts'

const prepared = new WeakSet<object>()

/**
 * Makes the jobs of this class tell a sandbox (a process or thread of its own) which span its work belongs to. BullMQ
 * serialises a job with `asJSONSandbox`, within the context of the attempt; the job itself stays as it is.
 */
export function letSandboxCarryOn(job: Job): void {
  const own = Object.getPrototypeOf(job) as object
  if (prepared.has(own)) return
  prepared.add(own)
  let prototype: object | null = own
  while (prototype !== null && !Object.hasOwn(prototype, 'asJSONSandbox'))
    prototype = Object.getPrototypeOf(prototype) as object | null
  if (prototype !== null) wrapMethod(prototype as Record<string, unknown>, 'asJSONSandbox', carryingContext)
}

interface Serialised {
  readonly opts?: { readonly telemetry?: object }
}

function carryingContext(original: Method): Method {
  return function asJSONSandbox(this: unknown, ...args) {
    const serialised = original.apply(this, args) as Serialised
    const active = contextApi.active()
    const { queue } = this as { readonly queue?: Worker }
    const internals = internalsOf(queue?.opts?.telemetry)
    if (internals === undefined || attemptIn(active)?.job !== this) return serialised
    const fields = handOver(internals.telemetry, active)
    const telemetry = { ...serialised.opts?.telemetry, metadata: JSON.stringify(fields) }
    return { ...serialised, opts: { ...serialised.opts, telemetry } }
  }
}
