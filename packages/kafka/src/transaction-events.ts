import { patchMethod, recordEvent, settle, type Telemetry } from '@waybill/core/adapter'
import { EVENT_TRANSACTION_ABORT, EVENT_TRANSACTION_COMMIT } from './semconv.ts'

type End = (...args: unknown[]) => Promise<unknown>

const EVENTS = { commit: EVENT_TRANSACTION_COMMIT, abort: EVENT_TRANSACTION_ABORT } as const

/** Records commit and abort of one transaction, with how long they took. */
export function recordTransactionEvents(transaction: object, telemetry: Telemetry): void {
  const methods = transaction as Record<keyof typeof EVENTS, End>
  for (const name of ['commit', 'abort'] as const) {
    if (typeof methods[name] !== 'function') continue
    patchMethod(methods, name, (original) => (...args) => {
      const begun = performance.now()
      return settle(
        () => original(...args),
        (failure) => {
          const durationMs = performance.now() - begun
          recordEvent(telemetry, { name: EVENTS[name], called: true, durationMs, failure, attributes: {} })
        },
      )
    })
  }
}
