import type { AgentFigures } from '../spans/agents.ts'
import type { Journey } from '../spans/journey.ts'
import type { Connectedness, QueueTimes } from '../spans/statistics.ts'

interface RunSummary extends Journey {
  readonly traces: number
  readonly orphanRoots: number
}

/** The figures of both runs, as `summary.json` has them. */
export interface Summary {
  readonly before: RunSummary
  readonly after: RunSummary & {
    readonly wallSeconds: number
    readonly queueSeconds: Readonly<Record<string, number>>
  }
  /** Of the second run: in the first nobody knows who asked whom. Costs in US dollars, at invented prices. */
  readonly agents: readonly AgentFigures[]
  readonly brokers: Readonly<Record<string, string>>
}

/** What is known of one run. */
export interface RunFigures {
  readonly connectedness: Connectedness
  readonly journey: Journey
}

export function summarize(
  before: RunFigures,
  after: RunFigures,
  { wallSeconds, queueSeconds }: QueueTimes,
  agents: readonly AgentFigures[],
  brokers: Readonly<Record<string, string>>,
): Summary {
  const seconds = Object.entries(queueSeconds).map(
    ([queue, value]) => [queue, toMicroseconds(value)] as const,
  )
  return {
    before: summaryOf(before),
    after: {
      ...summaryOf(after),
      wallSeconds: toMicroseconds(wallSeconds),
      queueSeconds: Object.fromEntries(seconds),
    },
    agents,
    brokers,
  }
}

function summaryOf({ connectedness: { traces, orphanRoots }, journey }: RunFigures): RunSummary {
  return { traces, orphanRoots: orphanRoots.length, ...journey }
}

/** Differences of floating-point numbers carry digits that were never measured. */
function toMicroseconds(seconds: number): number {
  return Math.round(seconds * 1e6) / 1e6
}
