import type { Attributes, Counter, Histogram, Meter, ObservableGauge } from '@opentelemetry/api'
import {
  METRIC_CLOCK_SKEW,
  METRIC_CONSUMED_MESSAGES,
  METRIC_CONSUMER_LAG,
  METRIC_JOURNEY_DURATION,
  METRIC_OPERATION_DURATION,
  METRIC_PROCESS_DURATION,
  METRIC_SENT_MESSAGES,
  METRIC_TRANSIT_DURATION,
} from './semconv.ts'
import { SeriesAttributes } from './series.ts'
import { Tally } from './tally.ts'

/** Bucket advice of the messaging conventions, in seconds. */
const OPERATION_BUCKETS = [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10]
/** Messages wait from under a millisecond to hours; in seconds (conventions §4). */
const TRANSIT_BUCKETS = [
  0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900, 3600, 21_600,
]

/** The instruments of one meter. Attributes are low-cardinality only: never message ids, keys or job names. */
export interface Instruments {
  readonly sent: Tally
  readonly consumed: Tally
  readonly operationDuration: Histogram<Attributes>
  readonly processDuration: Histogram<Attributes>
  readonly transitDuration: Histogram<Attributes>
  readonly journeyDuration: Histogram<Attributes>
  readonly clockSkew: Counter<Attributes>
  /** Attributes of the series so far, by what a point tells of its destination. */
  readonly series: {
    readonly named: SeriesAttributes
    readonly templated: SeriesAttributes
    readonly unnamed: SeriesAttributes
  }
}

/** Adapters are constructed for each channel or handler, and one meter serves them all. */
const instrumentsOf = new WeakMap<Meter, Instruments>()

/** The four standard messaging instruments and the three of Waybill (conventions §5) of a meter. */
export function instrumentsFor(meter: Meter): Instruments {
  let instruments = instrumentsOf.get(meter)
  if (instruments === undefined) instrumentsOf.set(meter, (instruments = createInstruments(meter)))
  return instruments
}

/** The gauge of what a consumer has still before it. */
export function createLagInstrument(meter: Meter): ObservableGauge {
  return meter.createObservableGauge(METRIC_CONSUMER_LAG, {
    unit: '{message}',
    description: 'Messages that the consumer group has still before it.',
  })
}

function createInstruments(meter: Meter): Instruments {
  const seconds = (description: string, explicitBucketBoundaries: number[]) => ({
    unit: 's',
    description,
    advice: { explicitBucketBoundaries },
  })
  const tally = (name: string, description: string): Tally =>
    new Tally(meter.createCounter(name, { unit: '{message}', description }))
  const sent = tally(METRIC_SENT_MESSAGES, 'Number of messages a producer attempted to send to the broker.')
  const consumed = tally(METRIC_CONSUMED_MESSAGES, 'Number of messages delivered to the application.')
  // Called before a meter is collected, for which it has to be the callback of some observable instrument.
  meter.addBatchObservableCallback(() => {
    sent.flush()
    consumed.flush()
  }, [createLagInstrument(meter)])
  return {
    sent,
    consumed,
    series: {
      named: new SeriesAttributes(),
      templated: new SeriesAttributes(),
      unnamed: new SeriesAttributes(),
    },
    operationDuration: meter.createHistogram(
      METRIC_OPERATION_DURATION,
      seconds('Duration of a messaging operation initiated by a client.', OPERATION_BUCKETS),
    ),
    processDuration: meter.createHistogram(
      METRIC_PROCESS_DURATION,
      seconds('Duration of processing a message.', OPERATION_BUCKETS),
    ),
    transitDuration: meter.createHistogram(
      METRIC_TRANSIT_DURATION,
      seconds('Time a message was ready for delivery until it reached the handler.', TRANSIT_BUCKETS),
    ),
    journeyDuration: meter.createHistogram(
      METRIC_JOURNEY_DURATION,
      seconds(
        'Time from the first send of a journey until the message reached this handler.',
        TRANSIT_BUCKETS,
      ),
    ),
    clockSkew: meter.createCounter(METRIC_CLOCK_SKEW, {
      unit: '{message}',
      description: 'Messages that arrived before they were sent, by the clocks at hand.',
    }),
  }
}
