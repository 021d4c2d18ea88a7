import { TraceFlags, type SpanContext, type TextMapGetter } from '@opentelemetry/api'

const MAX_ID = 2n ** 64n - 1n

/**
 * The trace context in Datadog's own fields, for carriers that have no `traceparent`: decimal ids of 64 bits, and the upper
 * half of the trace id in a tag. `undefined` for anything else. Source: what dd-trace writes (`text_map` propagation).
 */
export function readDatadogContext<C>(carrier: C, getter: TextMapGetter<C>): SpanContext | undefined {
  const read = (name: string): string | undefined => {
    const value = getter.get(carrier, name)
    return typeof value === 'string' ? value : undefined
  }
  const lower = hexOf(read('x-datadog-trace-id'))
  const spanId = hexOf(read('x-datadog-parent-id'))
  if (lower === undefined || spanId === undefined) return undefined
  const [, upper = '0'.repeat(16)] =
    /(?:^|,)_dd\.p\.tid=([0-9a-f]{16})(?:,|$)/.exec(read('x-datadog-tags') ?? '') ?? []
  const priority = Number(read('x-datadog-sampling-priority') ?? 1)
  return {
    traceId: upper + lower,
    spanId,
    traceFlags: priority > 0 ? TraceFlags.SAMPLED : TraceFlags.NONE,
    isRemote: true,
  }
}

function hexOf(decimal: string | undefined): string | undefined {
  if (decimal === undefined || !/^\d{1,20}$/.test(decimal)) return undefined
  const id = BigInt(decimal)
  return id === 0n || id > MAX_ID ? undefined : id.toString(16).padStart(16, '0')
}
