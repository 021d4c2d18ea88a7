import { beginProcess, patchMethod, safely, settle, type Telemetry } from '@waybill/core/adapter'
import { incomingOf, isDelivered } from './delivery.ts'
import type { OpenDeliveries } from './open-deliveries.ts'
import { markReceived } from './received.ts'

type Method = (...args: unknown[]) => unknown

/** Traces `get`: a CLIENT span for each message that it brings, none for an empty queue. */
export function patchGet(
  telemetry: Telemetry,
  channel: { get: Method },
  deliveries: OpenDeliveries,
  server: Record<string, string | number>,
): void {
  patchMethod(channel, 'get', (get) => (queue, options, callback, ...rest) => {
    const since = performance.now()
    const isSettled = (options as { noAck?: unknown } | null | undefined)?.noAck === true
    // An empty queue answers with `false`.
    const received = (message: unknown): void => {
      if (!isDelivered(message)) return
      safely(telemetry.log, 'tracing a fetched message', undefined, () => {
        const incoming = incomingOf(message, 'get', String(queue), server)
        const receiving = beginProcess(telemetry, { ...incoming, operationType: 'receive', since })
        if (receiving === undefined) return
        receiving.end()
        markReceived(message, isSettled ? undefined : deliveries.fetch(message.fields))
      })
    }
    if (typeof callback === 'function') {
      const answered: Method = (...answer) => {
        received(answer[1])
        return (callback as Method)(...answer)
      }
      return get(queue, options, answered, ...rest)
    }
    const args = [queue, options, callback, ...rest]
    return settle(
      () => get(...args),
      (failure, message) => {
        if (failure === undefined) received(message)
      },
    )
  })
}
