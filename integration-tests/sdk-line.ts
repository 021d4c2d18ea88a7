import type { ContextManager, MeterProvider, TextMapPropagator, TracerProvider } from '@opentelemetry/api'
import type { SpanRecorder } from '@waybill/core/testing'

/** One generation of the OpenTelemetry SDK, behind what the tests need of it. */
export interface OtelSdk {
  readonly line: 2 | 3
  /** Version of `@opentelemetry/api` that must be live in this cell. */
  readonly apiVersion: string
  contextManager(): ContextManager
  propagator(): TextMapPropagator
  /** Processors see a span in this order. */
  tracerProvider(processors: SpanRecorder | readonly object[], sampled: boolean): TracerProvider
  /** A logger whose records these processors see in this order. */
  logger(processors: readonly object[]): TestLogger
  meter(): {
    readonly provider: MeterProvider
    flush(): Promise<void>
    exported(): readonly ExportedMetrics[]
    shutdown(): Promise<void>
  }
}

/** Log records, behind what the tests need of them. */
export interface TestLogger {
  emit(record: { eventName?: string; body?: unknown; attributes?: Record<string, unknown> }): void
  /** Makes its provider the global one of the API, where that has one; false where it has none. */
  register(): boolean
  shutdown(): Promise<void>
}

/** The part of an export that the tests read. */
export interface ExportedMetrics {
  readonly scopeMetrics: readonly {
    readonly metrics: readonly {
      readonly descriptor: { readonly name: string; readonly unit: string }
      readonly dataPoints: readonly {
        readonly attributes: Record<string, unknown>
        readonly value: number | HistogramValue
      }[]
    }[]
  }[]
}

export interface HistogramValue {
  readonly count: number
  readonly sum: number
  readonly min: number
  readonly max: number
}
