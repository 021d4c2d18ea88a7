import type { HandledMessage, ProcessingBatch } from '@waybill/core/adapter'

interface Place {
  readonly batch: ProcessingBatch
  readonly index: number
}

// By the message object, since nothing may be added to what the client made.
const places = new WeakMap<object, Place>()

/** Remembers where the messages of a batch belong. */
export function register(messages: readonly object[], batch: ProcessingBatch): void {
  messages.forEach((message, index) => places.set(message, { batch, index }))
}

/** What is known of a message that is or was part of a batch. */
export function aboutMessage(message: object): HandledMessage | undefined {
  const place = places.get(message)
  return place?.batch.about(place.index)
}

/**
 * Runs `fn` for one message of an `eachBatch` batch: in the message's own trace and baggage, in a CONSUMER span
 * `process {topic}` that lasts as long as `fn`, and with a wait that ends where `fn` starts. What `fn` returns or throws is
 * passed on.
 *
 * @param message the very object in `batch.messages`; for anything else, or with no SDK registered, `fn` simply runs
 * @example
 * eachBatch: async ({ batch, resolveOffset }) => {
 *   for (const message of batch.messages) {
 *     await runMessage(message, () => bill(message.value))
 *     resolveOffset(message.offset)
 *   }
 * }
 */
export function runMessage<T>(message: object, fn: () => T): T {
  const place = places.get(message)
  return place === undefined ? fn() : place.batch.run(place.index, fn)
}
