import { context, propagation, trace } from '@opentelemetry/api'
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks'
import { CompositePropagator, W3CBaggagePropagator, W3CTraceContextPropagator } from '@opentelemetry/core'
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http'
import { resourceFromAttributes } from '@opentelemetry/resources'
import { BatchSpanProcessor, TracerProvider } from '@opentelemetry/sdk-trace'
import { baggageSpanProcessor } from '@waybill/core'

/** The SDK as any application sets it up, with and without Waybill. Returns what flushes and ends it. */
export function startTelemetry(service: string, tracesUrl: string): () => Promise<void> {
  const provider = new TracerProvider({
    resource: resourceFromAttributes({ 'service.name': service }),
    spanProcessors: [
      // In both runs, since it puts on spans what is there: without Waybill nothing carries the session over a queue.
      baggageSpanProcessor({ allow: ['session.id'] }),
      new BatchSpanProcessor({ exporter: new OTLPTraceExporter({ url: tracesUrl }) }),
    ],
  })
  trace.setGlobalTracerProvider(provider)
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable())
  propagation.setGlobalPropagator(
    new CompositePropagator({ propagators: [new W3CTraceContextPropagator(), new W3CBaggagePropagator()] }),
  )
  return () => provider.shutdown()
}
