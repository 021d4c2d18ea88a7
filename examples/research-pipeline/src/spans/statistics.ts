import { clip, coveredLength } from './intervals.ts'
import { destinationOf, isTransit, type ReceivedSpan, spanKinds } from './span.ts'

/** How well the spans of one request hang together. */
export interface Connectedness {
  readonly traces: number
  /** Roots that are not the request's own entry: work of which nobody can tell whom it was for. */
  readonly orphanRoots: readonly ReceivedSpan[]
}

/** What the request spent where. */
export interface QueueTimes {
  /** From the request's arrival to its answer. */
  readonly wallSeconds: number
  /** For each queue: the time in which at least one message of the request waited in it. */
  readonly queueSeconds: Readonly<Record<string, number>>
  /** For each queue: its messaging system, by the spans' own word. */
  readonly systems?: Readonly<Record<string, string>>
  /** The time in which at least one message of the request waited in any queue. */
  readonly anyQueueSeconds: number
}

/** The span of the HTTP request that all the rest was done for. */
export function entryOf(spans: readonly ReceivedSpan[], entryName: string): ReceivedSpan | undefined {
  return rootsOf(spans).find(({ kind, name }) => kind === spanKinds.server && name === entryName)
}

export function connectedness(
  spans: readonly ReceivedSpan[],
  entry: ReceivedSpan | undefined,
): Connectedness {
  return {
    traces: new Set(spans.map(({ traceId }) => traceId)).size,
    orphanRoots: rootsOf(spans).filter((span) => span !== entry),
  }
}

/** Spans without a parent, and those whose parent was never received: a viewer shows both at the top. */
export function rootsOf(spans: readonly ReceivedSpan[]): ReceivedSpan[] {
  const received = new Set(spans.map(idOf))
  return spans.filter(
    ({ traceId, parentSpanId }) => parentSpanId === undefined || !received.has(`${traceId}/${parentSpanId}`),
  )
}

function idOf({ traceId, spanId }: ReceivedSpan): string {
  return `${traceId}/${spanId}`
}

export function queueTimes(spans: readonly ReceivedSpan[], entry: ReceivedSpan): QueueTimes {
  const transits = spans.filter(isTransit)
  // A queue in which nothing waited long enough for a span is one of the queues all the same.
  const deliveries = spans.filter(({ kind }) => kind === spanKinds.consumer)
  const queues = new Set([...transits, ...deliveries].map(destinationOf).filter((name) => name !== undefined))
  const seconds = (waits: readonly ReceivedSpan[]): number => coveredLength(clip(waits, entry)) / 1000
  return {
    wallSeconds: (entry.end - entry.start) / 1000,
    queueSeconds: Object.fromEntries(
      Array.from(queues, (queue) => [
        queue,
        seconds(transits.filter((span) => destinationOf(span) === queue)),
      ]),
    ),
    systems: Object.fromEntries(
      deliveries.map((span) => [
        destinationOf(span) ?? '',
        span.attributes['messaging.system.name'] as string,
      ]),
    ),
    anyQueueSeconds: seconds(transits),
  }
}
