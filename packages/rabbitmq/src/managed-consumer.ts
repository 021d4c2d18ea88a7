import { patchMethod } from '@waybill/core/adapter'
import { setUp } from './managed-producer.ts'
import type { ManagedChannel } from './types.ts'

type Consume = (...args: unknown[]) => Promise<unknown>

/**
 * Traces the channels beneath a managed one, since it is they that have the messages: tags begin again on each, and what is
 * settled late goes to the newest. A consumer waits until the first of them is traced.
 */
export function traceManagedConsumer(channel: ManagedChannel, traceRaw: (raw: object) => void): void {
  const ready = setUp(channel, traceRaw)
  patchMethod(channel as unknown as { consume: Consume }, 'consume', (consume) => async (...args) => {
    await ready
    return consume(...args)
  })
}
