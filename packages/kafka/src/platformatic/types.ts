/** The slice of an @platformatic/kafka `Producer` that is traced; transactions and streams send through it. */
export interface PlatformaticProducer {
  send(...args: never[]): unknown
}

/** What an @platformatic/kafka `MessagesStream` yields, as far as it is read. */
export interface PlatformaticMessage {
  readonly topic: string
  readonly partition: number
  readonly offset: bigint
  readonly key?: unknown
  readonly value?: unknown
  readonly timestamp?: bigint
  /** Names and values as the application's deserialisers made them; bytes by default. Keeps repeated names. */
  readonly headerEntries?: readonly (readonly [unknown, unknown])[]
}

/** One message in `send({ messages })`. */
export interface OutgoingRecord {
  readonly topic: string
  readonly key?: unknown
  readonly value?: unknown
  readonly headers?: unknown
}
