import type { SendResult } from '@waybill/core/adapter'

/** What a returned message has in common with the one that was published: neither has a tag of its own. */
export type ReturnKey = string

/** Mandatory messages of one channel that the broker has not answered yet. A return comes before its confirm. */
export interface ReturnedMessages {
  expect(tag: number, key: ReturnKey): void
  /** The broker could not route a message and gave it back. */
  add(message: unknown): void
  /** What became of a message that is confirmed now: `undefined` unless it was returned. */
  take(tag: number): SendResult | undefined
}

/** Exchange, routing key and trace context: the context is a message's own, unless the application wrote it itself. */
export function returnKey(exchange: unknown, routingKey: unknown, headers: unknown): ReturnKey {
  const { traceparent } = (headers ?? {}) as { traceparent?: unknown }
  return JSON.stringify([exchange, routingKey, String(traceparent)])
}

export function returnedMessages(): ReturnedMessages {
  // Oldest first, since returns keep the order of the messages.
  const expected = new Map<ReturnKey, number[]>()
  const keys = new Map<number, ReturnKey>()
  const results = new Map<number, SendResult>()

  function forget(tag: number, key: ReturnKey): void {
    const left = (expected.get(key) ?? []).filter((other) => other !== tag)
    if (left.length === 0) expected.delete(key)
    else expected.set(key, left)
  }

  return {
    expect(tag, key) {
      keys.set(tag, key)
      expected.set(key, [...(expected.get(key) ?? []), tag])
    },
    add(message) {
      const { fields, properties } = (message ?? {}) as {
        fields?: { exchange?: unknown; routingKey?: unknown; replyCode?: unknown; replyText?: unknown }
        properties?: { headers?: unknown }
      }
      const key = returnKey(fields?.exchange, fields?.routingKey, properties?.headers)
      const [tag] = expected.get(key) ?? []
      if (tag === undefined) return
      forget(tag, key)
      const text = String(fields?.replyText)
      const error = new Error(`${text}: returned by the broker`)
      results.set(tag, { failure: { error }, errorType: /^[A-Z_]{1,32}$/.test(text) ? text : 'returned' })
    },
    take(tag) {
      const key = keys.get(tag)
      if (key === undefined) return undefined
      keys.delete(tag)
      forget(tag, key)
      const result = results.get(tag)
      results.delete(tag)
      return result
    },
  }
}
