import {
  createNoopMeter,
  type Attributes,
  type Meter,
  type MeterProvider,
  type MetricOptions,
} from '@opentelemetry/api'

/** One recorded value. */
export interface MetricPoint {
  readonly name: string
  readonly value: number
  readonly attributes: Attributes
}

/** A meter provider that keeps what is recorded. */
export interface MetricRecorder extends MeterProvider {
  readonly points: readonly MetricPoint[]
  /** Options with which each instrument was created. */
  readonly instruments: ReadonlyMap<string, MetricOptions>
  /** The points of one instrument. */
  of(name: string): readonly MetricPoint[]
  /** Forgets the points, not the instruments. */
  reset(): void
}

/**
 * A `MeterProvider` that keeps every recorded value of counters and histograms, one by one, unaggregated.
 *
 * @example
 * const metrics = metricRecorder()
 * traceProducer(producer, { meterProvider: metrics })
 */
export function metricRecorder(): MetricRecorder {
  let points: MetricPoint[] = []
  const instruments = new Map<string, MetricOptions>()
  const noop = createNoopMeter()

  const recording = (name: string, options: MetricOptions = {}) => {
    instruments.set(name, options)
    const keep = (value: number, attributes: Attributes = {}): void => {
      points.push({ name, value, attributes: { ...attributes } })
    }
    return { add: keep, record: keep }
  }
  // Everything but counters and histograms is the API's own no-op.
  const meter: Meter = Object.assign(Object.create(noop) as Meter, {
    createCounter: recording,
    createHistogram: recording,
  })

  return {
    get points() {
      return points
    },
    instruments,
    of: (name) => points.filter((point) => point.name === name),
    reset() {
      points = []
    },
    getMeter: () => meter,
  }
}
