// OpenTelemetry's older line: API 1.9 with SDK 2.
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks'
import { CompositePropagator, W3CBaggagePropagator, W3CTraceContextPropagator } from '@opentelemetry/core'
import {
  AggregationTemporality,
  InMemoryMetricExporter,
  MeterProvider,
  PeriodicExportingMetricReader,
} from '@opentelemetry/sdk-metrics'
import {
  AlwaysOffSampler,
  AlwaysOnSampler,
  BasicTracerProvider,
  ParentBasedSampler,
  type SpanProcessor,
} from '@opentelemetry/sdk-trace-base'
import type { OtelSdk } from '../sdk-line.ts'

export const sdk: OtelSdk = {
  line: 2,
  apiVersion: '1.9.1',
  contextManager: () => new AsyncLocalStorageContextManager(),
  propagator: () =>
    new CompositePropagator({ propagators: [new W3CTraceContextPropagator(), new W3CBaggagePropagator()] }),
  tracerProvider: (processor, sampled) =>
    new BasicTracerProvider({
      spanProcessors: [processor as unknown as SpanProcessor],
      sampler: sampled ? new ParentBasedSampler({ root: new AlwaysOnSampler() }) : new AlwaysOffSampler(),
    }),
  meter() {
    const exporter = new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE)
    const provider = new MeterProvider({ readers: [new PeriodicExportingMetricReader({ exporter })] })
    // API 1.10 widened the attribute types, so the two generations differ in name only.
    return {
      provider: provider as never,
      flush: () => provider.forceFlush(),
      exported: () => exporter.getMetrics() as never,
      shutdown: () => provider.shutdown(),
    }
  },
}
