import type { Attributes, Histogram, Meter } from '@opentelemetry/api'
import type { Signals } from '@waybill/core/adapter'
import {
  METRIC_CLIENT_OPERATION,
  METRIC_CLIENT_SESSION,
  METRIC_SERVER_OPERATION,
  METRIC_SERVER_SESSION,
} from './semconv.ts'

/** Bucket advice of the MCP conventions, in seconds. */
const BUCKETS = [0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60, 120, 300]

/** Most names that the other side may bring into series of metrics; whatever comes after is `_OTHER`. */
const MAX_NAMES = 500

export interface Instruments {
  readonly operation: Readonly<Record<Role, Histogram<Attributes>>>
  readonly session: Readonly<Record<Role, Histogram<Attributes>>>
  /** Names that the other side chose, up to a number: every one of them is a series for as long as the process lives. */
  readonly bounded: (name: string) => string
}

/** `client` sends a request, `server` receives it; either end of a connection is both. */
export type Role = 'client' | 'server'

const made = new WeakMap<Meter, Instruments>()

/** The four instruments of one meter. */
export function instrumentsOf({ meter }: Signals): Instruments {
  let instruments = made.get(meter)
  if (instruments === undefined) {
    const seconds = (name: string, description: string): Histogram<Attributes> =>
      meter.createHistogram(name, {
        unit: 's',
        description,
        advice: { explicitBucketBoundaries: BUCKETS },
      })
    instruments = {
      operation: {
        client: seconds(METRIC_CLIENT_OPERATION, 'Time from sending a request until its response.'),
        server: seconds(METRIC_SERVER_OPERATION, 'Time from receiving a request until its response.'),
      },
      session: {
        client: seconds(METRIC_CLIENT_SESSION, 'Duration of a session, as the client sees it.'),
        server: seconds(METRIC_SERVER_SESSION, 'Duration of a session, as the server sees it.'),
      },
      bounded: boundedNames(),
    }
    made.set(meter, instruments)
  }
  return instruments
}

/** The names themselves, up to a number of them. */
export function boundedNames(limit: number = MAX_NAMES): (name: string) => string {
  const names = new Set<string>()
  return (name) => {
    if (names.size < limit) names.add(name)
    return names.has(name) ? name : '_OTHER'
  }
}
