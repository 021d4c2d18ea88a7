/** What travels with each message, so that no agent has to know who asked. */
interface Errand {
  /** Where the aggregator posts the answer. */
  readonly replyTo: string
  /** Names the request in the spans of every agent. */
  readonly conversation: string
}

/** BullMQ: orchestrator → planner. */
export interface Question extends Errand {
  readonly text: string
}

/** Kafka: planner → retriever. */
export interface SubQuestion extends Errand {
  readonly text: string
  readonly index: number
  readonly count: number
}

/** RabbitMQ: retriever → tool agent. */
export interface Search extends SubQuestion {
  readonly query: string
}

/** Redis streams: tool agent → aggregator. */
export interface Finding extends SubQuestion {
  readonly quote: string
  readonly source: string
  readonly wordsRead: number
}

/** HTTP: aggregator → orchestrator → whoever asked. */
export interface Answer {
  readonly text: string
  readonly findings: readonly Finding[]
}

/** A sentence of the corpus, and the title that it stands below. */
export interface Passage {
  readonly source: string
  readonly text: string
}
