import { context, metrics, propagation, SpanKind, trace } from '@opentelemetry/api'
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks'
import {
  CompositePropagator,
  ExportResultCode,
  W3CBaggagePropagator,
  W3CTraceContextPropagator,
  type ExportResult,
} from '@opentelemetry/core'
import { DataPointType, MeterProvider, MetricReader } from '@opentelemetry/sdk-metrics'
import {
  AlwaysOffSampler,
  AlwaysOnSampler,
  BatchSpanProcessor,
  TracerProvider,
  type ReadableSpan,
  type SpanExporter,
} from '@opentelemetry/sdk-trace'
import type { Mode } from './job.ts'
import type { PointShape, Shape, SpanShape } from './shape.ts'

/** So large that nothing is dropped; that nothing was is checked by counting what arrived. */
const QUEUE_SIZE = 1_000_000

/** The SDK of one sample. */
export interface Sdk {
  /** Exports what has ended, so that it is paid for where it was made. */
  flush(): Promise<void>
  /** What has arrived since the start. */
  collect(): Promise<Shape>
}

/** Registers what a production set-up would, with an exporter that only counts. Nothing at all in mode `no SDK`. */
export function startSdk(mode: Mode): Sdk {
  if (mode === 'no SDK')
    return { flush: async () => {}, collect: async () => ({ spans: {}, otherSpans: 0, points: [] }) }
  const exporter = new CountingExporter()
  const reader = new IdleReader()
  const tracerProvider = new TracerProvider({
    sampler: mode === 'traced' ? new AlwaysOnSampler() : new AlwaysOffSampler(),
    spanProcessors: [new BatchSpanProcessor({ exporter, maxQueueSize: QUEUE_SIZE })],
  })
  trace.setGlobalTracerProvider(tracerProvider)
  metrics.setGlobalMeterProvider(new MeterProvider({ readers: [reader] }))
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable())
  propagation.setGlobalPropagator(
    new CompositePropagator({ propagators: [new W3CTraceContextPropagator(), new W3CBaggagePropagator()] }),
  )
  return {
    flush: () => tracerProvider.forceFlush(),
    async collect() {
      await tracerProvider.forceFlush()
      return { ...exporter.seen(), points: await pointsOf(reader) }
    },
  }
}

const ROLES: Partial<Record<SpanKind, 'producer' | 'transit' | 'process'>> = {
  [SpanKind.PRODUCER]: 'producer',
  [SpanKind.INTERNAL]: 'transit',
  [SpanKind.CONSUMER]: 'process',
}

class CountingExporter implements SpanExporter {
  readonly #examples = new Map<SpanKind, ReadableSpan>()
  readonly #counts = new Map<SpanKind, number>()
  readonly #continued = new Map<SpanKind, number>()

  export(spans: ReadableSpan[], done: (result: ExportResult) => void): void {
    for (const span of spans) {
      const { kind } = span
      if (!this.#examples.has(kind)) this.#examples.set(kind, span)
      this.#counts.set(kind, (this.#counts.get(kind) ?? 0) + 1)
      if (span.parentSpanContext?.isRemote === true)
        this.#continued.set(kind, (this.#continued.get(kind) ?? 0) + 1)
    }
    done({ code: ExportResultCode.SUCCESS })
  }

  async shutdown(): Promise<void> {}

  seen(): Pick<Shape, 'spans' | 'otherSpans'> {
    const spans: Record<string, SpanShape> = {}
    let otherSpans = 0
    for (const [kind, { name, attributes, links }] of this.#examples) {
      const count = this.#counts.get(kind) ?? 0
      const role = ROLES[kind]
      if (role === undefined) otherSpans += count
      else
        spans[role] = {
          name,
          kind,
          attributes,
          links: links.length,
          count,
          continued: this.#continued.get(kind) ?? 0,
        }
    }
    return { spans, otherSpans }
  }
}

/** Never collects by itself. */
class IdleReader extends MetricReader {
  protected async onForceFlush(): Promise<void> {}
  protected async onShutdown(): Promise<void> {}
}

async function pointsOf(reader: MetricReader): Promise<PointShape[]> {
  const { resourceMetrics } = await reader.collect()
  const points: PointShape[] = []
  for (const metric of resourceMetrics.scopeMetrics.flatMap((scope) => scope.metrics)) {
    const instrument = metric.descriptor.name
    if (metric.dataPointType === DataPointType.HISTOGRAM) {
      for (const { attributes, value } of metric.dataPoints) {
        points.push({ instrument, attributes, boundaries: value.buckets.boundaries, count: value.count })
      }
    } else if (metric.dataPointType === DataPointType.SUM) {
      for (const { attributes, value } of metric.dataPoints)
        points.push({ instrument, attributes, count: value })
    }
  }
  return points
}
