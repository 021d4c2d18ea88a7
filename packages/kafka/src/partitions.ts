import type { Lag } from '@waybill/core/adapter'

interface Partition {
  /** Epoch ms at which the client began with the batch that it is at. */
  begun: number | undefined
  /** Messages after the last batch, as the client told them. */
  lag: number | undefined
}

/** What is known of the partitions of one consumer: two numbers each. */
export interface Partitions {
  /** A batch is begun. @param lag as the client gives it: text, -1 where it knows none */
  readonly begin: (topic: string, partition: number, lag: unknown, begun?: number) => void
  /** Epoch ms at which the batch that is at work was begun. */
  readonly begunOf: (topic: string, partition: number) => number | undefined
  /** Forgets all that are not in this assignment of a group's member, `{ topic: [partition] }`. */
  readonly keep: (assignment: unknown) => void
  readonly lags: (group: string | undefined) => Iterable<Lag>
}

/** Starts with no partition. */
export function createPartitions(): Partitions {
  const topics = new Map<string, Map<number, Partition>>()
  return {
    begin(topic, partition, lag, begun) {
      let ofTopic = topics.get(topic)
      if (ofTopic === undefined) topics.set(topic, (ofTopic = new Map()))
      const messages = Number(lag ?? -1)
      ofTopic.set(partition, {
        begun,
        lag: Number.isSafeInteger(messages) && messages >= 0 ? messages : undefined,
      })
    },
    begunOf: (topic, partition) => topics.get(topic)?.get(partition)?.begun,
    keep(assignment) {
      for (const [topic, ofTopic] of topics) {
        const assigned: unknown = (assignment as Record<string, unknown> | null | undefined)?.[topic]
        for (const partition of ofTopic.keys()) {
          if (!Array.isArray(assigned) || !assigned.includes(partition)) ofTopic.delete(partition)
        }
      }
    },
    *lags(group) {
      for (const [name, ofTopic] of topics) {
        for (const [partition, { lag }] of ofTopic) {
          if (lag !== undefined)
            yield { destination: { name }, group, partition: String(partition), messages: lag }
        }
      }
    },
  }
}
