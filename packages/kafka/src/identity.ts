import type { Attributes, DiagLogger } from '@opentelemetry/api'
import { ATTR_SERVER_ADDRESS, ATTR_SERVER_PORT, safely } from '@waybill/core/adapter'

/** Who a client is, as far as it has told. */
export interface Identity {
  clientId: string | undefined
  group: string | undefined
  /** The broker of the last Produce or Fetch: `server.address` and `server.port`. */
  server: Attributes
}

type Listen = (
  event: string,
  listener: (event: { readonly payload?: Record<string, unknown> | null }) => void,
) => unknown

/**
 * Learns client id, group and broker from the events that kafkajs emits anyway, so that nobody has to repeat them to us.
 * kafkajs calls listeners synchronously, and one that throws crashes the consumer: ours never do.
 *
 * @param joined called with the partitions assigned at every join of the group
 */
export function identify(
  client: object,
  side: 'producer' | 'consumer',
  log: DiagLogger,
  joined: (assignment: unknown) => void = () => undefined,
): Identity {
  const identity: Identity = { clientId: undefined, group: undefined, server: {} }
  const listen = (event: string, learn: (payload: Record<string, unknown>) => void): void => {
    try {
      ;(client as { on: Listen }).on(event, ({ payload }) => {
        safely(log, `reading ${event}`, undefined, () => {
          learn(payload ?? {})
        })
      })
    } catch {
      // Clients with kafkajs' API need not have its events (Confluent's on() throws).
      log.debug(`${side} without ${event}: its identity has to be given by options`)
    }
  }
  listen(`${side}.network.request`, ({ clientId, broker, apiName }) => {
    if (typeof clientId === 'string') identity.clientId = clientId
    if (apiName === 'Produce' || apiName === 'Fetch') identity.server = serverOf(broker)
  })
  if (side === 'consumer') {
    listen('consumer.group_join', ({ groupId, memberAssignment }) => {
      if (typeof groupId === 'string') identity.group = groupId
      joined(memberAssignment)
    })
  }
  return identity
}

function serverOf(broker: unknown): Attributes {
  const [, address, port] = /^\[?(.+?)\]?:(\d+)$/.exec(String(broker)) ?? []
  return address === undefined ? {} : { [ATTR_SERVER_ADDRESS]: address, [ATTR_SERVER_PORT]: Number(port) }
}
