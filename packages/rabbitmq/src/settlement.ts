import { patchMethod, type Outcome } from '@waybill/core/adapter'
import type { OpenDeliveries } from './open-deliveries.ts'
import type { DeliveryFields } from './types.ts'

/** The methods of a channel that settle messages. */
export const SETTLING = ['ack', 'ackAll', 'nack', 'nackAll', 'reject', 'recover'] as const

type Settling = (typeof SETTLING)[number]
type Method = (...args: unknown[]) => unknown

/** Watches how the application settles messages, and for the end of the channel. */
export function patchSettlement(
  channel: Record<Settling, Method> & { on(event: 'close', listener: () => void): unknown },
  deliveries: OpenDeliveries,
): void {
  // The client is called first: what it refuses settles nothing.
  const after = (name: Settling, settled: (...args: unknown[]) => void): void => {
    patchMethod(channel, name, (original) => (...args) => {
      const result = original(...args)
      settled(...args)
      return result
    })
  }
  const one = (message: unknown, upTo: unknown, outcome: Outcome): void => {
    const { fields } = message as { fields: DeliveryFields }
    if (upTo) deliveries.settleUpTo(fields, outcome)
    else deliveries.settle(fields, outcome)
  }
  after('ack', (message, upTo) => {
    one(message, upTo, 'ack')
  })
  after('nack', (message, upTo, requeue) => {
    one(message, upTo, requeues(requeue) ? 'requeue' : 'nack')
  })
  after('reject', (message, requeue) => {
    one(message, false, requeues(requeue) ? 'requeue' : 'reject')
  })
  after('ackAll', () => {
    deliveries.settleAll('ack')
  })
  after('nackAll', (requeue) => {
    deliveries.settleAll(requeues(requeue) ? 'requeue' : 'nack')
  })
  after('recover', () => {
    deliveries.settleAll('requeue')
  })
  channel.on('close', () => {
    deliveries.settleAll('channel_closed')
  })
}

/** The client's own default: a requeue argument that is left out means true. */
function requeues(requeue: unknown): boolean {
  return requeue === undefined || Boolean(requeue)
}
