import type { FetchedDelivery } from './open-deliveries.ts'

// Messages that a traced `get` has timed and counted. Weak, so that nothing outlives the application's own use of them.
const received = new WeakMap<object, FetchedDelivery | undefined>()

/** @param delivery left out for a message that needs no settlement */
export function markReceived(message: object, delivery?: FetchedDelivery): void {
  received.set(message, delivery)
}

export function isReceived(message: object): boolean {
  return received.has(message)
}

/** What tells how a fetched message is settled, if that is to be expected. */
export function fetchedDelivery(message: object): FetchedDelivery | undefined {
  return received.get(message)
}
