import { context as contextApi } from '@opentelemetry/api'
import {
  createTelemetry,
  recordGetter,
  safely,
  takeOver,
  WaybillTypeError,
  type TelemetryOptions,
} from '@waybill/core/adapter'
import { carrierOf } from './metadata.ts'
import { VERSION } from './version.ts'

const SCOPE = {
  packageName: '@waybill/bullmq',
  functionName: 'traceProcessor',
  version: VERSION,
  system: 'bullmq',
} as const

interface SandboxedJob {
  readonly opts?: { readonly telemetry?: { readonly metadata?: unknown } }
}

/**
 * Wraps the function that a processor file exports, so that its spans lie under the job's process span although they are
 * made in another process or thread. The SDK has to be started there, too. With a worker that does not have our telemetry
 * they lie beside it, under whoever added the job.
 *
 * @throws WaybillTypeError if `processor` is no function, or on a bad option
 * @example
 * export default traceProcessor(async (job) => bill(job.data))
 */
export function traceProcessor<P extends (job: never, ...rest: never[]) => unknown>(
  processor: P,
  options?: TelemetryOptions,
): P {
  if (typeof processor !== 'function')
    throw new WaybillTypeError(SCOPE, 'a function', processor, 'Pass the function that processes a job.')
  const telemetry = createTelemetry(SCOPE, options)
  const { log } = telemetry
  return function traced(this: unknown, job: SandboxedJob, ...rest: unknown[]) {
    const run = (): unknown =>
      (processor as unknown as (...args: unknown[]) => unknown).call(this, job, ...rest)
    const context = safely(log, 'taking over a job', undefined, () =>
      takeOver(telemetry, carrierOf(job?.opts?.telemetry?.metadata), recordGetter),
    )
    return context === undefined ? run() : contextApi.with(context, run)
  } as unknown as P
}
