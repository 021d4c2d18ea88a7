import type { Shape } from './shape.ts'

export const brokers = ['bullmq', 'rabbitmq', 'kafka', 'redis-streams'] as const
export type BenchedBroker = (typeof brokers)[number]

/** `floor` is the OpenTelemetry API alone, without any client; `by hand` the same around the bare client. */
export const variants = ['bare', 'peer', 'ours', 'floor', 'by hand'] as const
export type Variant = (typeof variants)[number]

/** What is registered in the process: nothing, an SDK whose sampler says no, or an SDK whose sampler says yes. */
export const modes = ['no SDK', 'sampled out', 'traced'] as const
export type Mode = (typeof modes)[number]

/** One sample: what a fresh process is told to measure. */
export interface Job {
  readonly broker: BenchedBroker
  readonly variant: Variant
  readonly mode: Mode
  /** Where the broker answers. */
  readonly url: string
  /** Messages before the measured ones, so that the code is compiled. */
  readonly warmUp: number
  readonly messages: number
  /** What ours emits for these messages; only the floor and `by hand` need it. */
  readonly shape?: Shape
}

/** What that process answers, as one line of JSON. */
export interface Sample {
  /** CPU time, user and system, µs per message. */
  readonly cpuUs: number
  /** What was emitted, in `traced` mode only. */
  readonly shape?: Shape
}
