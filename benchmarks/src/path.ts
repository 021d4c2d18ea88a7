import type { BenchedBroker } from './job.ts'
import { spreadOf } from './statistics.ts'

/** What is measured besides the rows of the brokers: single paths with a limit of their own. */
export const paths = ['kafka-send', 'kafka-batch', 'rabbitmq-depth', 'heap'] as const
export type PathName = (typeof paths)[number]

/** One sample of one path: what a fresh process is told to measure, traced. */
export interface PathJob {
  readonly path: PathName
  readonly variant: 'bare' | 'ours'
  readonly url: string
  readonly warmUp: number
  readonly messages: number
  /** Messages that are unacknowledged all the time. */
  readonly depth?: number
}

/** What is said about a path, and how its figure comes about. */
export interface PathFacts {
  readonly broker: BenchedBroker | 'core'
  readonly mode: string
  readonly server: 'redis' | 'rabbitmq' | 'kafka' | undefined
  readonly unit: 'µs' | 'MB'
  /** What ours is held against: the bare client, or ours with little to do. */
  readonly reference: Partial<PathJob> | undefined
  readonly ours: Partial<PathJob>
  /** The figure that has a limit, from ours and the reference. */
  figure(ours: number, reference: number): number
  /** The most that the figure may be. */
  limit(reference: number): number
  readonly quick: Counts | undefined
  readonly full: Counts
}

type Counts = Pick<PathJob, 'warmUp' | 'messages'>

/** What both paths of Kafka share: how much is added to the bare client's cost. */
const kafka: Omit<PathFacts, 'mode'> = {
  broker: 'kafka',
  server: 'kafka',
  unit: 'µs',
  reference: { variant: 'bare' },
  ours: { variant: 'ours' },
  figure: (ours, bare) => ours - bare,
  limit: () => 3,
  quick: { warmUp: 20_000, messages: 40_000 },
  full: { warmUp: 40_000, messages: 150_000 },
}

export const pathFacts: Readonly<Record<PathName, PathFacts>> = {
  'kafka-send': { ...kafka, mode: 'send of 100, traced' },
  'kafka-batch': { ...kafka, mode: 'eachBatch, traced' },
  'rabbitmq-depth': {
    broker: 'rabbitmq',
    mode: '30,000 in flight, traced',
    server: 'rabbitmq',
    unit: 'µs',
    reference: { variant: 'ours', depth: 100 },
    ours: { variant: 'ours', depth: 30_000 },
    figure: (deep) => deep,
    limit: (shallow) => 1.1 * shallow,
    quick: { warmUp: 20_000, messages: 30_000 },
    full: { warmUp: 30_000, messages: 90_000 },
  },
  heap: {
    broker: 'core',
    mode: 'heap after 5 M messages',
    server: undefined,
    unit: 'MB',
    reference: undefined,
    ours: { variant: 'ours' },
    figure: (grown) => grown,
    limit: () => 2,
    // Minutes by itself.
    quick: undefined,
    full: { warmUp: 0, messages: 5_000_000 },
  },
}

/** A path's row, with the keys of the brokers' rows as far as they mean something here. */
export interface PathRow {
  readonly broker: string
  readonly mode: string
  readonly unit: PathFacts['unit']
  readonly bareUs: number | null
  readonly peerUs: null
  readonly oursUs: number
  readonly floorUs: null
  readonly target: number
  readonly pass: boolean
  readonly rounds: number
  readonly messages: number
}

/** Both figures of one round; the reference is 0 where there is none. */
export interface PathRound {
  readonly reference: number
  readonly ours: number
}

/** The row of a path: the median of what each round gives, against the limit that the medians give. */
export function pathRowOf(path: PathName, messages: number, rounds: readonly PathRound[]): PathRow {
  const facts = pathFacts[path]
  const reference = spreadOf(rounds.map((round) => round.reference)).median
  const figure = spreadOf(rounds.map((round) => facts.figure(round.ours, round.reference))).median
  const target = facts.limit(reference)
  return {
    broker: facts.broker,
    mode: facts.mode,
    unit: facts.unit,
    bareUs: facts.reference?.variant === 'bare' ? reference : null,
    peerUs: null,
    oursUs: figure,
    floorUs: null,
    target,
    pass: figure <= target,
    rounds: rounds.length,
    messages,
  }
}
