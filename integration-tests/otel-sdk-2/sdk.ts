// OpenTelemetry's older line: API 1.9 with SDK 2.
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks'
import { CompositePropagator, W3CBaggagePropagator, W3CTraceContextPropagator } from '@opentelemetry/core'
import { LoggerProvider, type LogRecordProcessor } from '@opentelemetry/sdk-logs'
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
  tracerProvider: (processors, sampled) =>
    new BasicTracerProvider({
      spanProcessors: [processors].flat() as unknown as SpanProcessor[],
      sampler: sampled ? new ParentBasedSampler({ root: new AlwaysOnSampler() }) : new AlwaysOffSampler(),
    }),
  logger(processors) {
    const provider = new LoggerProvider({ processors: processors as LogRecordProcessor[] })
    const logger = provider.getLogger('test')
    return {
      emit: (record) => logger.emit(record as never),
      register: () => false,
      shutdown: () => provider.shutdown(),
    }
  },
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
