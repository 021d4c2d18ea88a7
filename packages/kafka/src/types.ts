/** What sends records: the slice of a kafkajs producer or transaction that is traced. */
export interface KafkaSender {
  send(...args: never[]): Promise<unknown>
  sendBatch(...args: never[]): Promise<unknown>
}

/** The slice of a kafkajs `Producer` that `traceProducer` needs. */
export interface KafkaProducer extends KafkaSender {
  transaction?(...args: never[]): Promise<KafkaSender>
}

/** The slice of a kafkajs `Consumer` that `traceConsumer` needs. */
export interface KafkaConsumer {
  run(...args: never[]): Promise<unknown>
}

/** A record as it is delivered. */
export interface KafkaMessage {
  readonly offset: string
  readonly key?: unknown
  readonly value?: unknown
  /** Epoch ms as text: when the producer wrote the record, or when the broker stored it; see `timestampType`. */
  readonly timestamp?: string
  readonly headers?: object | undefined
  /** kafkajs, untyped there: 0 for the producer's clock (CreateTime), 1 for the broker's (LogAppendTime). */
  readonly batchContext?: { readonly timestampType?: number }
}

/** What an `eachMessage` handler is called with. */
export interface MessagePayload {
  readonly topic: string
  readonly partition: number
  readonly message: KafkaMessage
}

/** What an `eachBatch` handler is called with. */
export interface BatchPayload {
  readonly batch: {
    readonly topic: string
    readonly partition: number
    readonly messages: readonly KafkaMessage[]
    /** How many messages come after this batch, as text. */
    offsetLag?(): string | null
  }
}

/** The records for one topic in a call of `send` or `sendBatch`. */
export interface TopicEntry {
  readonly topic: string
  readonly messages: readonly unknown[]
}
