import type { ByHand } from './by-hand.ts'
import type { BenchedBroker, Variant } from './job.ts'

/** A client, or its stand-in, that is ready to move messages. */
export interface Workload {
  /** Sends this many messages, and settles when all of them have been handled and acknowledged. */
  run(messages: number): Promise<void>
  /** The same loop with nothing in it, where the loop itself is no part of what is measured. */
  runEmpty?(messages: number): Promise<void>
  /** How many messages go with one call of the client, and so with one producer span. */
  readonly messagesPerSpan: number
  /** Removes what was made on the broker and disconnects. */
  close(): Promise<void>
}

/** Opens the workload of one broker. For the peer, its instrumentation is in place before the client is loaded. */
export type OpenWorkload = (
  url: string,
  variant: Exclude<Variant, 'floor'>,
  /** The telemetry to write around the client; in the variant `by hand` only. */
  calls: ByHand | undefined,
) => Promise<Workload>

/** What is said about a workload, and how many messages one sample takes; the counts are multiples of 100. */
export interface WorkloadFacts {
  readonly title: string
  /** What the messages go through. */
  readonly description: string
  /** The best other tool that carries context, with its version; `undefined` if there is none. */
  readonly peer: string | undefined
  readonly server: 'redis' | 'rabbitmq' | 'kafka'
  readonly quick: Counts
  readonly full: Counts
}

export interface Counts {
  readonly warmUp: number
  readonly messages: number
}

/** The floor needs no broker, so it is always warmed up to the end: a floor that still compiles would be too high a limit. */
export const FLOOR_WARM_UP = 30_000

/**
 * The four workloads, sized so that the measured part of a full sample takes two seconds of CPU and more. Its warm-up is
 * long, for compilation goes on for tens of thousands of messages: the more code a variant has, the longer. A quick sample
 * is measured while that is still going on.
 */
export const workloads: Readonly<Record<BenchedBroker, WorkloadFacts>> = {
  bullmq: {
    title: 'BullMQ',
    description: 'add(), 50 at a time, then a worker with concurrency 50',
    peer: 'bullmq-otel 2.0.1',
    server: 'redis',
    quick: { warmUp: 4_000, messages: 4_000 },
    full: { warmUp: 40_000, messages: 16_000 },
  },
  rabbitmq: {
    title: 'RabbitMQ (amqplib)',
    description: 'publish, deliver, ack; transient messages, prefetch 500',
    peer: 'instrumentation-amqplib 0.71.0',
    server: 'rabbitmq',
    quick: { warmUp: 10_000, messages: 12_000 },
    full: { warmUp: 40_000, messages: 50_000 },
  },
  kafka: {
    title: 'Kafka (kafkajs)',
    description: 'sends of 100 messages, then eachMessage',
    peer: 'instrumentation-kafkajs 0.33.0',
    server: 'kafka',
    quick: { warmUp: 10_000, messages: 12_000 },
    full: { warmUp: 40_000, messages: 50_000 },
  },
  'redis-streams': {
    title: 'Redis streams (ioredis)',
    description: '100 XADD in flight, XREADGROUP COUNT 100, one XACK for each batch',
    peer: undefined,
    server: 'redis',
    quick: { warmUp: 10_000, messages: 15_000 },
    full: { warmUp: 60_000, messages: 60_000 },
  },
}
