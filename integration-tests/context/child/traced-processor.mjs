// A sandboxed processor works in a span, and gives back whose it is.
import './sdk.mjs'
import { trace } from '@opentelemetry/api'
import { traceProcessor } from '@waybill/bullmq'
import { sdk } from '../../otel-sdk-3/sdk.ts'

trace.setGlobalTracerProvider(sdk.tracerProvider([], true))

export default traceProcessor(async () => {
  const span = trace.getTracer('child').startSpan('work')
  span.end()
  return { traceId: span.spanContext().traceId, parentSpanId: span.parentSpanContext?.spanId }
})
