import { randomUUID } from 'node:crypto'
import {
  createConsumer,
  type Consumer,
  type ConsumerEvents,
  type ConsumerOptions,
} from '@waybill/redis-streams'
import { expect, vi } from 'vitest'

/** Consumers of one test: started with short times, stopped in the end. */
export interface Consuming {
  /** Resolves when it reads. */
  readonly start: <V = string>(
    options: Pick<ConsumerOptions<V>, 'client' | 'streams' | 'handler'> & Partial<ConsumerOptions<V>>,
  ) => Promise<Consumer<V>>
  /** Errors that consumers told of. */
  readonly errors: ConsumerEvents['error'][]
  readonly group: string
  readonly stop: () => Promise<void>
}

export function consuming(): Consuming {
  const consumers: Consumer<never>[] = []
  const errors: ConsumerEvents['error'][] = []
  const group = `group-${randomUUID().slice(0, 8)}`
  return {
    group,
    errors,
    async start(options) {
      const consumer = createConsumer({ group, consumer: 'c1', blockMs: 30, ...options })
      consumer.on('error', (event) => errors.push(event))
      consumers.push(consumer as Consumer<never>)
      await consumer.ready()
      return consumer
    },
    async stop() {
      await Promise.all(consumers.map((consumer) => consumer.stop({ deadlineMs: 1000 })))
    },
  }
}

/** Waits until `check` passes; tests never sleep for a guess. */
export function until(check: () => unknown, timeout = 5000): Promise<void> {
  return vi.waitFor(async () => void (await check()), { timeout, interval: 5 })
}

/** Waits until so many were gathered, and no more. */
export function untilCount(
  list: readonly unknown[] | (() => readonly unknown[]),
  count: number,
): Promise<void> {
  return until(() => {
    expect(typeof list === 'function' ? list() : list).toHaveLength(count)
  })
}
