import type { SpanContext, TextMapGetter } from '@opentelemetry/api'
import { remoteContext } from './remote-context.ts'

/**
 * The trace context in Datadog's own fields, for carriers that have no `traceparent`: decimal ids of 64 bits, and the upper
 * half of the trace id in a tag. `undefined` for anything else. Source: what dd-trace writes (`text_map` propagation).
 */
export function readDatadogContext<C>(carrier: C, getter: TextMapGetter<C>): SpanContext | undefined {
  const read = (name: string): string | undefined =>
    getter.get(carrier, `x-datadog-${name}`) as string | undefined
  const lower = hexOf(read('trace-id'))
  if (lower === '') return undefined
  const [, upper = '0'.repeat(16)] = /(?:^|,)_dd\.p\.tid=([0-9a-f]{16})(?:,|$)/.exec(read('tags') ?? '') ?? []
  const priority = Number(read('sampling-priority') ?? 1)
  return remoteContext(upper + lower, hexOf(read('parent-id')), priority > 0)
}

/** Empty for what is no id of 64 bits. */
function hexOf(decimal: string | undefined): string {
  return /^\d{1,20}$/.test(decimal ?? '') ? BigInt(decimal!).toString(16).padStart(16, '0') : ''
}
