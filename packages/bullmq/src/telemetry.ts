import { context as contextApi, ROOT_CONTEXT, SpanKind } from '@opentelemetry/api'
import { createTelemetry, safely, type TelemetryOptions } from '@waybill/core/adapter'
import { processSpan } from './consumer.ts'
import { isNextIteration, jobAwareness, markOurs } from './job-aware.ts'
import { contextOfMetadata, metadataFor, metadataOf } from './metadata.ts'
import { sendSpan } from './producer.ts'
import type { BullmqContextManager, BullmqTelemetry, BullmqTracer, WorkerClass } from './types.ts'
import { UNTRACED } from './untraced.ts'
import { VERSION } from './version.ts'

const SCOPE = {
  packageName: '@waybill/bullmq',
  functionName: 'bullmqTelemetry',
  version: VERSION,
  system: 'bullmq',
} as const

/** Options of `bullmqTelemetry`. */
export interface BullmqOptions extends TelemetryOptions {
  /**
   * BullMQ's `Worker` class, whose jobs then become visible. Only needed where BullMQ is bundled into one file: elsewhere
   * the class is found.
   */
  readonly Worker?: WorkerClass
}

const isWorkerClass = (value: unknown): string | undefined =>
  typeof (value as { prototype?: { processJob?: unknown } } | null)?.prototype?.processJob === 'function'
    ? undefined
    : "BullMQ's Worker class"

/**
 * The `telemetry` option of BullMQ's `Queue`, `Worker` and `FlowProducer`: every add becomes a PRODUCER span, every attempt
 * of a job a CONSUMER span in the same trace, and the time the job waited a span and a metric. Nothing in it ever throws
 * into BullMQ, whatever a job's metadata holds. One object may serve all queues and workers.
 *
 * @throws WaybillTypeError on a bad option
 * @example
 * const telemetry = bullmqTelemetry()
 * const queue = new Queue('billing', { connection, telemetry })
 * const worker = new Worker('billing', async (job) => bill(job.data), { connection, telemetry })
 */
export function bullmqTelemetry(options?: BullmqOptions): BullmqTelemetry {
  const telemetry = createTelemetry(SCOPE, options, { Worker: isWorkerClass })
  const { log } = telemetry
  const awareness = jobAwareness(telemetry, options?.Worker)
  awareness.search()

  const tracer: BullmqTracer = markOurs({
    startSpan: (name, { kind } = { kind: SpanKind.INTERNAL }, context) =>
      safely(log, 'starting a span for BullMQ', UNTRACED, () => {
        // Once per worker, before its first job: BullMQ may have been loaded after us.
        if (name.startsWith('startStalledCheckTimer')) awareness.search()
        if (telemetry.signals() === undefined) return UNTRACED
        const [operation = ''] = name.split(' ', 1)
        if (kind === SpanKind.CONSUMER && operation === 'process') {
          const queue = name.slice(operation.length + 1)
          return processSpan(telemetry, awareness, tracer, queue, metadataOf(context))
        }
        // An iteration is told apart by its id; a span of its own here would be a root of nothing, or lie in the trace of
        // whichever job was done before.
        if (kind !== SpanKind.PRODUCER || isNextIteration(contextApi.active())) return UNTRACED
        return sendSpan(telemetry, operation) ?? UNTRACED
      }),
  })

  const contextManager: BullmqContextManager = {
    with: (context, fn) => (context === contextApi.active() ? fn() : contextApi.with(context, fn)),
    active: () => contextApi.active(),
    root: () => ROOT_CONTEXT,
    getMetadata: (context) => safely(log, 'writing metadata', '', () => metadataFor(context)),
    fromMetadata: (_active, metadata) => contextOfMetadata(metadata),
  }
  return { tracer, contextManager }
}
