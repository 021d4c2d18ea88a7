import {
  createNoopMeter,
  type Attributes,
  type BatchObservableCallback,
  type Meter,
  type MeterProvider,
  type MetricOptions,
  type ObservableCallback,
  type ObservableGauge,
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
  /** Asks the observable gauges of one name for their values now; these are no part of `points`. */
  observe(name: string): Promise<readonly MetricPoint[]>
  /** Forgets the points, not the instruments. */
  reset(): void
}

/**
 * A `MeterProvider` that keeps every recorded value of counters and histograms, one by one; those of Waybill's own counters are
 * sums of what was counted between two looks.
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
  const collecting: BatchObservableCallback[] = []
  const asked = new Map<string, Set<ObservableCallback>>()
  const observable = (name: string, options: MetricOptions = {}): ObservableGauge => {
    instruments.set(name, options)
    const callbacks = asked.get(name) ?? new Set()
    asked.set(name, callbacks)
    return {
      addCallback: (callback) => void callbacks.add(callback),
      removeCallback: (callback) => void callbacks.delete(callback),
    }
  }
  // Everything but counters, histograms and observable gauges is the API's own no-op.
  const meter: Meter = Object.assign(Object.create(noop) as Meter, {
    createCounter: recording,
    createHistogram: recording,
    createObservableGauge: observable,
    addBatchObservableCallback: (callback: BatchObservableCallback) => void collecting.push(callback),
  })
  /** What an SDK does when it collects: some counters are told of only then. */
  const collect = (): MetricPoint[] => {
    for (const callback of collecting) void callback({ observe: () => undefined })
    return points
  }

  return {
    get points() {
      return collect()
    },
    instruments,
    of: (name) => collect().filter((point) => point.name === name),
    async observe(name) {
      const observed: MetricPoint[] = []
      for (const callback of asked.get(name) ?? []) {
        await callback({
          observe: (value, attributes = {}) => {
            observed.push({ name, value, attributes: { ...attributes } })
          },
        })
      }
      return observed
    },
    reset() {
      collect()
      points = []
    },
    getMeter: () => meter,
  }
}
