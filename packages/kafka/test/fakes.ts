import type { KafkaMessage } from '../src/index.ts'

interface Sent {
  readonly topic: string
  readonly messages: readonly { readonly headers?: Record<string, unknown>; readonly value: unknown }[]
}

/** Freezes a value and all that hangs on it but bytes, which cannot be frozen. */
export function deepFreeze<T>(value: T): T {
  if (typeof value !== 'object' || value === null || ArrayBuffer.isView(value)) return value
  for (const part of Object.values(Object.freeze(value))) deepFreeze(part)
  return value
}

/** A producer as kafkajs makes it, an object of closures, that keeps what it is told to send. */
export function fakeProducer(answer: unknown = []) {
  const sent: Sent[] = []
  return {
    sent,
    send: (record: Sent): Promise<unknown> => {
      sent.push(record)
      return Promise.resolve(answer)
    },
    sendBatch: (batch: {
      readonly topicMessages: readonly Sent[]
      readonly acks?: number
    }): Promise<unknown> => {
      sent.push(...batch.topicMessages)
      return Promise.resolve(answer)
    },
  }
}

interface RunConfig {
  readonly eachMessage?: (payload: never) => unknown
  readonly eachBatch?: (payload: never) => unknown
  readonly eachBatchAutoResolve?: boolean
}

/** A consumer that keeps the configuration it was run with, and emits events as kafkajs does. */
export function fakeConsumer() {
  const listeners = new Map<string, Set<(event: object) => void>>()
  let config: RunConfig | undefined
  return {
    get config() {
      return config
    },
    on: (event: string, listener: (event: object) => void) => {
      const added = listeners.get(event) ?? new Set()
      listeners.set(event, added.add(listener))
      return () => added.delete(listener)
    },
    emit: (event: string, payload?: unknown) => {
      for (const listener of listeners.get(event) ?? []) listener({ type: event, payload })
    },
    run: (given?: RunConfig): Promise<void> => {
      config = given
      return Promise.resolve()
    },
  }
}

export const TRACEPARENT = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'

/** A record as kafkajs delivers it. */
export function record(offset: number, more: Partial<KafkaMessage> = {}): KafkaMessage {
  return {
    offset: String(offset),
    value: Buffer.from('a'),
    timestamp: String(Date.now() - 50),
    headers: { traceparent: Buffer.from(TRACEPARENT) },
    batchContext: { timestampType: 0 },
    ...more,
  }
}
