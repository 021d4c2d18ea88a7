// Messages that a traced `get` has timed and counted. Weak, so that nothing outlives the application's own use of them.
const received = new WeakSet<object>()

export function markReceived(message: object): void {
  received.add(message)
}

export function isReceived(message: object): boolean {
  return received.has(message)
}
