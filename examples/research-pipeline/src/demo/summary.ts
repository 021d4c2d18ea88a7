import type { Connectedness, QueueTimes } from '../spans/statistics.ts'

/** The figures of both runs, as `summary.json` has them. */
export interface Summary {
  readonly before: { readonly traces: number; readonly orphanRoots: number }
  readonly after: {
    readonly traces: number
    readonly orphanRoots: number
    readonly wallSeconds: number
    readonly queueSeconds: Readonly<Record<string, number>>
  }
  readonly brokers: Readonly<Record<string, string>>
}

export function summarize(
  before: Connectedness,
  after: Connectedness,
  { wallSeconds, queueSeconds }: QueueTimes,
  brokers: Readonly<Record<string, string>>,
): Summary {
  const seconds = Object.entries(queueSeconds).map(
    ([queue, value]) => [queue, toMicroseconds(value)] as const,
  )
  return {
    before: { traces: before.traces, orphanRoots: before.orphanRoots.length },
    after: {
      traces: after.traces,
      orphanRoots: after.orphanRoots.length,
      wallSeconds: toMicroseconds(wallSeconds),
      queueSeconds: Object.fromEntries(seconds),
    },
    brokers,
  }
}

/** Differences of floating-point numbers carry digits that were never measured. */
function toMicroseconds(seconds: number): number {
  return Math.round(seconds * 1e6) / 1e6
}
