import type { DiagLogger } from '@opentelemetry/api'
import { safely } from '@waybill/core/adapter'

type Payload = Readonly<Record<string, unknown>>
type Listen = (event: string, listener: (event: { readonly payload?: Payload | null }) => void) => unknown

/**
 * Listens to what a kafkajs client tells about itself. It calls listeners synchronously, and one that throws crashes the
 * consumer: ours never do. Clients with kafkajs' API need not have its events (Confluent's `on()` throws): then nobody calls.
 */
export function listener(
  client: object,
  log: DiagLogger,
): (event: string, learn: (payload: Payload) => void) => void {
  return (event, learn) => {
    try {
      ;(client as { on: Listen }).on(event, ({ payload }) => {
        safely(log, `reading ${event}`, undefined, () => {
          learn(payload ?? {})
        })
      })
    } catch {
      log.debug(`no ${event} from this client: what it would tell has to be given by options`)
    }
  }
}
