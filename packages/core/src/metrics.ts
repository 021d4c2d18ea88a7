import { type Attributes, type Counter, type Histogram, type Meter } from '@opentelemetry/api'
import {
  METRIC_CLOCK_SKEW,
  METRIC_CONSUMED_MESSAGES,
  METRIC_JOURNEY_DURATION,
  METRIC_OPERATION_DURATION,
  METRIC_PROCESS_DURATION,
  METRIC_SENT_MESSAGES,
  METRIC_TRANSIT_DURATION,
} from './semconv.ts'

/** Bucket advice of the messaging conventions, in seconds. */
const OPERATION_BUCKETS = [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10]
/** Messages wait from under a millisecond to hours; in seconds (conventions §4). */
const TRANSIT_BUCKETS = [
  0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900, 3600, 21_600,
]

/** The instruments of one meter. Attributes are low-cardinality only: never message ids, keys or job names. */
export interface Instruments {
  readonly sent: Counter<Attributes>
  readonly consumed: Counter<Attributes>
  readonly operationDuration: Histogram<Attributes>
  readonly processDuration: Histogram<Attributes>
  readonly transitDuration: Histogram<Attributes>
  readonly journeyDuration: Histogram<Attributes>
  readonly clockSkew: Counter<Attributes>
}

/** Creates the four standard messaging instruments and the three of Waybill (conventions §5). */
export function createInstruments(meter: Meter): Instruments {
  const seconds = (description: string, explicitBucketBoundaries: number[]) => ({
    unit: 's',
    description,
    advice: { explicitBucketBoundaries },
  })
  return {
    sent: meter.createCounter(METRIC_SENT_MESSAGES, {
      unit: '{message}',
      description: 'Number of messages a producer attempted to send to the broker.',
    }),
    consumed: meter.createCounter(METRIC_CONSUMED_MESSAGES, {
      unit: '{message}',
      description: 'Number of messages delivered to the application.',
    }),
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
