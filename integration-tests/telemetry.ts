import {
  context,
  diag,
  DiagLogLevel,
  metrics,
  propagation,
  trace,
  type DiagLogFunction,
  type Tracer,
} from '@opentelemetry/api'
import { resetWarnings, spanRecorder, type SpanRecorder } from '@waybill/core/testing'
import { expect } from 'vitest'
import { sdk } from '#otel-sdk'
import type { HistogramValue, TestLogger } from './sdk-line.ts'

/** One series of one metric, as the SDK exported it. */
export interface Series {
  readonly name: string
  readonly unit: string
  readonly attributes: Record<string, unknown>
  readonly value: number | HistogramValue
}

/** The SDK of this cell, registered globally, with what it has seen. */
export interface TestTelemetry {
  readonly recorder: SpanRecorder
  /** Lines that went to `diag` at level warn or above. */
  readonly warnings: readonly string[]
  /** All series so far of a metric, or of all whose names match. */
  series(name: string | RegExp): Promise<readonly Series[]>
  uninstall(): Promise<void>
  /** The end of a test: every span that was started has ended, once. Uninstalls in any case. */
  finish(): Promise<void>
}

/**
 * Registers this cell's SDK. Each test has its own, so that nothing is seen twice; adapters look the providers up at
 * every use, therefore long-lived clients follow.
 */
export function installSdk({
  sampled = true,
  processors = [],
}: {
  readonly sampled?: boolean
  /** Span processors besides, which see a span before the recorder. */
  readonly processors?: readonly object[]
} = {}): TestTelemetry {
  const recorder = spanRecorder()
  const warnings: string[] = []
  const keep: DiagLogFunction = (...parts) => void warnings.push(parts.map(String).join(' '))
  const ignore: DiagLogFunction = () => undefined
  resetWarnings()
  diag.setLogger(
    { error: keep, warn: keep, info: ignore, debug: ignore, verbose: ignore },
    { logLevel: DiagLogLevel.WARN, suppressOverrideMessage: true },
  )
  const meter = sdk.meter()
  context.setGlobalContextManager(sdk.contextManager().enable())
  propagation.setGlobalPropagator(sdk.propagator())
  trace.setGlobalTracerProvider(sdk.tracerProvider([...processors, recorder], sampled))
  metrics.setGlobalMeterProvider(meter.provider)
  const uninstall = async (): Promise<void> => {
    trace.disable()
    context.disable()
    propagation.disable()
    metrics.disable()
    diag.disable()
    await meter.shutdown()
  }
  return {
    recorder,
    warnings,
    async series(name) {
      await meter.flush()
      const last = meter.exported().at(-1)
      return (last?.scopeMetrics ?? []).flatMap((scope) =>
        scope.metrics
          .filter(({ descriptor }) =>
            typeof name === 'string' ? descriptor.name === name : name.test(descriptor.name),
          )
          .flatMap((metric) =>
            metric.dataPoints.map((point) => ({
              name: metric.descriptor.name,
              unit: metric.descriptor.unit,
              attributes: point.attributes,
              value: point.value,
            })),
          ),
      )
    },
    uninstall,
    async finish() {
      await uninstall()
      expect(recorder.open, 'spans that never ended').toEqual([])
      expect(recorder.spans, 'spans that ended').toHaveLength(recorder.started)
    },
  }
}

/** A tracer of this cell's SDK with these span processors, of its own and not registered. */
export function tracerWith(...processors: object[]): Tracer {
  return sdk.tracerProvider(processors, true).getTracer('test')
}

/** A logger of this cell's SDK whose records these processors see in this order. */
export function loggerWith(...processors: object[]): TestLogger {
  return sdk.logger(processors)
}

/** The one point of a histogram series; an error if there is none. */
export function histogram(series: Series | undefined): HistogramValue {
  if (typeof series?.value !== 'object') throw new Error('no histogram point')
  return series.value
}
