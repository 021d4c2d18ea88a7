import type { Telemetry } from '@waybill/core/adapter'
import type { ResolvedBullmqOptions } from './options.ts'
import type { PreviousAttempts } from './previous-attempts.ts'
import type { BullmqTracer } from './types.ts'

/** What one `bullmqTelemetry()` is made of, for the wrapped methods of BullMQ that find it on a worker or queue. */
export interface Internals {
  readonly telemetry: Telemetry
  readonly options: ResolvedBullmqOptions
  readonly attempts: PreviousAttempts
}

// A registered symbol: a method that one copy of this package wrapped also serves the telemetry of another.
const INTERNALS = Symbol.for('waybill.bullmq.internals')

/** Marks a tracer as ours, so that workers and queues of other telemetry, or of none, pass straight through. */
export function markOurs<T extends BullmqTracer>(tracer: T, internals: Internals): T {
  return Object.defineProperty(tracer, INTERNALS, { value: internals })
}

/** What is behind a `telemetry` option; `undefined` unless it is ours. */
export function internalsOf(telemetry: { readonly tracer?: unknown } | undefined): Internals | undefined {
  const tracer = telemetry?.tracer as { [INTERNALS]?: Internals } | undefined
  return tracer?.[INTERNALS]
}
