// A sandboxed processor works in a span, and gives back whose it is, and what is active here.
import './sdk.mjs'
import { trace } from '@opentelemetry/api'
import { traceProcessor } from '@waybill/bullmq'
import { inject } from '@waybill/core'
import { sdk } from '../../otel-sdk-3/sdk.ts'

trace.setGlobalTracerProvider(sdk.tracerProvider([], true))

export default traceProcessor(async () => {
  const span = trace.getTracer('child').startSpan('work')
  span.end()
  return { ...inject(), traceId: span.spanContext().traceId, parentSpanId: span.parentSpanContext?.spanId }
})
