import { errorMonitor } from 'node:events'
import { context as contextApi } from '@opentelemetry/api'
import type { Sending, SendResult } from '@waybill/core/adapter'

type Callback = (...answer: unknown[]) => unknown

/** Turns the broker's confirms of one channel into the ends of spans. */
export interface Confirms {
  /**
   * The callback to publish with: it ends the span, then calls the application's, if there is one, with the client's own
   * arguments in the caller's context. `undefined`: none may be added, so the span has to end with the call.
   */
  observe(sending: Sending, callback: unknown): Callback | undefined
}

/** `undefined` for a channel that is not in confirm mode. */
export function confirmsOf(channel: object): Confirms | undefined {
  if (typeof (channel as { waitForConfirms?: unknown }).waitForConfirms !== 'function') return undefined
  // Before amqplib 2.2.1, which added this field, waitForConfirms() after a lost channel resolves or rejects depending on
  // whether a publish had a callback: there we add none.
  const mayAdd = 'closedWithUnconfirmed' in channel
  let cause: unknown
  // Emitted before the callbacks learn no more than 'channel closed'. A monitor: an unhandled 'error' stays unhandled.
  ;(channel as { on?: (event: symbol, listener: (error: unknown) => void) => void }).on?.(
    errorMonitor,
    (error) => {
      cause = error
    },
  )
  return {
    observe(sending, callback) {
      const isWanted = typeof callback === 'function'
      if (!isWanted && !mayAdd) return undefined
      const caller = contextApi.active()
      return (...answer) => {
        sending.end(resultOf(answer[0], cause))
        return isWanted ? contextApi.with(caller, callback as Callback, undefined, ...answer) : undefined
      }
    },
  }
}

function resultOf(error: unknown, cause: unknown): SendResult {
  if (error === null || error === undefined) return {}
  if (error instanceof Error && error.message === 'message nacked')
    return { failure: { error }, errorType: 'nack' }
  const { code } = (cause ?? {}) as { code?: unknown }
  return {
    failure: { error: cause ?? error },
    errorType: typeof code === 'number' ? String(code) : 'channel_closed',
  }
}
