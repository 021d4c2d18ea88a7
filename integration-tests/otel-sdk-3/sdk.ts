// OpenTelemetry's current line: API 1.10 with SDK 3.
import { logs } from '@opentelemetry/api'
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
  ParentBasedSampler,
  TracerProvider,
  type SpanProcessor,
} from '@opentelemetry/sdk-trace'
import type { OtelSdk } from '../sdk-line.ts'

export const sdk: OtelSdk = {
  line: 3,
  apiVersion: '1.10.0',
  contextManager: () => new AsyncLocalStorageContextManager(),
  propagator: () =>
    new CompositePropagator({ propagators: [new W3CTraceContextPropagator(), new W3CBaggagePropagator()] }),
  tracerProvider: (processors, sampled) =>
    new TracerProvider({
      spanProcessors: [processors].flat() as unknown as SpanProcessor[],
      sampler: sampled ? new ParentBasedSampler({ root: new AlwaysOnSampler() }) : new AlwaysOffSampler(),
    }),
  logger(processors) {
    const provider = new LoggerProvider({ processors: processors as LogRecordProcessor[] })
    const logger = provider.getLogger('test')
    return {
      emit: (record) => logger.emit(record as never),
      register: () => {
        logs.setGlobalLoggerProvider(provider)
        return true
      },
      shutdown: async () => {
        logs.disable()
        await provider.shutdown()
      },
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
