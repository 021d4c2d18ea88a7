import { context as contextApi, ROOT_CONTEXT, SpanKind, type Context } from '@opentelemetry/api'
import { createTelemetry, reportFault, safely, suppressed } from '@waybill/core/adapter'
import { housekeepingSpan } from './housekeeping.ts'
import { markOurs, type Internals } from './internals.ts'
import { jobAwareness } from './job-aware.ts'
import { contextOfMetadata, metadataFor, metadataOf } from './metadata.ts'
import { CHECKS, withDefaults, type BullmqOptions } from './options.ts'
import { previousAttempts } from './previous-attempts.ts'
import { ProcessSpan } from './process-span.ts'
import { isNextIteration } from './scheduler.ts'
import { sendSpan } from './send-span.ts'
import { settlementSpan } from './settlement-span.ts'
import type { BullmqContextManager, BullmqSpan, BullmqTelemetry, BullmqTracer } from './types.ts'
import { UNTRACED } from './untraced.ts'
import { VERSION } from './version.ts'

const SCOPE = {
  packageName: '@waybill/bullmq',
  functionName: 'bullmqTelemetry',
  version: VERSION,
  system: 'bullmq',
} as const

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
  const telemetry = createTelemetry(SCOPE, options, CHECKS)
  const internals: Internals = { telemetry, options: withDefaults(options), attempts: previousAttempts() }
  const { log } = telemetry
  const awareness = jobAwareness(internals, options)
  awareness.search()
  const quiet: BullmqSpan = internals.options.suppressRedis
    ? Object.freeze({ ...UNTRACED, setSpanOnContext: suppressed })
    : UNTRACED

  const spanFor = (name: string, kind: number, context: Context | undefined): BullmqSpan => {
    // Once per worker, before its first job: BullMQ may have been loaded after us.
    if (name.startsWith('startStalledCheckTimer')) awareness.search()
    if (telemetry.signals() === undefined) return UNTRACED
    const space = name.indexOf(' ')
    const operation = space < 0 ? name : name.slice(0, space)
    if (kind === SpanKind.CONSUMER && operation === 'process') {
      const [queue, metadata] = [name.slice(space + 1), metadataOf(context)]
      const seen = awareness.take(tracer, queue, metadata)
      return new ProcessSpan(internals, awareness, queue, metadata, seen)
    }
    if (kind === SpanKind.PRODUCER) {
      // An iteration is told apart by its id; a span of its own here would be a root of nothing, or lie in the trace
      // of whichever job was done before.
      return isNextIteration(contextApi.active()) ? quiet : (sendSpan(internals, operation) ?? quiet)
    }
    return settlementSpan(internals, operation) ?? housekeepingSpan(internals, name) ?? quiet
  }

  const tracer: BullmqTracer = markOurs<BullmqTracer>(
    {
      startSpan(name, options, context) {
        try {
          return spanFor(name, options?.kind ?? SpanKind.INTERNAL, context)
        } catch (error) {
          reportFault(log, 'starting a span for BullMQ', error)
          return UNTRACED
        }
      },
    },
    internals,
  )

  const contextManager: BullmqContextManager = {
    with: (context, fn) => (context === contextApi.active() ? fn() : contextApi.with(context, fn)),
    active: () => contextApi.active(),
    root: () => ROOT_CONTEXT,
    getMetadata: (context) => safely(log, 'writing metadata', '', () => metadataFor(context)),
    fromMetadata: (_active, metadata) => contextOfMetadata(metadata),
  }
  return { tracer, contextManager }
}
