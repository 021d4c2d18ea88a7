import type { TelemetryOptions } from '../src/options.ts'
import { createTelemetry, type Telemetry } from '../src/telemetry.ts'
import { recordGetter } from '../src/carrier.ts'
import type { Incoming } from '../src/incoming.ts'

/** Telemetry of a made-up adapter. */
export function adapter(options?: TelemetryOptions): Telemetry {
  return createTelemetry(
    { packageName: '@waybill/test', functionName: 'trace', version: '1.2.3', system: 'test' },
    options,
  )
}

/** A delivered message with these headers. */
export function delivered(headers: object, more: Partial<Incoming> = {}): Incoming {
  return {
    operation: 'process',
    destination: { name: 'jobs' },
    carrier: headers,
    getter: recordGetter as Incoming['getter'],
    times: ['sent'],
    attempt: 1,
    ...more,
  }
}

export const TRACE_ID = '0af7651916cd43dd8448eb211c80319c'
export const SPAN_ID = 'b7ad6b7169203331'
export const TRACEPARENT = `00-${TRACE_ID}-${SPAN_ID}-01`
