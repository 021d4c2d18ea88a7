import type { Attributes, DiagLogger } from '@opentelemetry/api'
import { ATTR_SERVER_ADDRESS, ATTR_SERVER_PORT } from '@waybill/core/adapter'
import { listener } from './client-events.ts'

/** Who a client is, as far as it has told. */
export interface Identity {
  clientId: string | undefined
  group: string | undefined
  /** The broker of the last Produce or Fetch: `server.address` and `server.port`. */
  server: Attributes
  /** False once the client has agreed with its broker on a version of Produce that knows no record headers. */
  headers: boolean
}

/** Protocol version of Produce from which records have headers; brokers before 0.11 do not know it. */
const HEADERS_SINCE = 3

/**
 * Learns client id, group and broker so that nobody has to repeat them to us: of kafkajs from the events that it emits,
 * of Confluent's client from its configuration, see `askClient`.
 */
export function identify(client: object, side: 'producer' | 'consumer', log: DiagLogger): Identity {
  const identity: Identity = { clientId: undefined, group: undefined, server: {}, headers: true }
  const listen = listener(client, log)
  let last: unknown
  listen(`${side}.network.request`, ({ clientId, broker, apiName, apiVersion }) => {
    if (typeof clientId === 'string') identity.clientId = clientId
    // Told of with every request, and nearly always the same one.
    if ((apiName === 'Produce' || apiName === 'Fetch') && broker !== last) {
      last = broker
      identity.server = serverOf(broker)
    }
    if (apiName === 'Produce' && typeof apiVersion === 'number')
      identity.headers = apiVersion >= HEADERS_SINCE
  })
  if (side === 'consumer') {
    listen('consumer.group_join', ({ groupId }) => {
      if (typeof groupId === 'string') identity.group = groupId
    })
  }
  return identity
}

interface InternalClient {
  readonly globalConfig?: Readonly<Record<string, unknown>>
}

/**
 * Asks Confluent's client, which has no events, for what it was configured with. It knows that once it is connected, so
 * this is asked until there is an answer. The method is marked internal: whatever it does instead one day, nothing breaks.
 */
export function askClient(client: object, identity: Identity): void {
  if (identity.clientId !== undefined) return
  try {
    const ask = (client as { _getInternalClient?: () => InternalClient | null })._getInternalClient
    const config = typeof ask === 'function' ? ask.call(client)?.globalConfig : undefined
    const [clientId, group] = [config?.['client.id'], config?.['group.id']]
    if (typeof clientId === 'string') identity.clientId = clientId
    if (typeof group === 'string') identity.group = group
  } catch {
    // Then the options have to say it.
  }
}

/** Whether a client has librdkafka beneath, which stamps a record when it is given it, not when it writes it. */
export function isLibrdkafka(client: object): boolean {
  return '_getInternalClient' in client
}

function serverOf(broker: unknown): Attributes {
  const [, address, port] = /^\[?(.+?)\]?:(\d+)$/.exec(String(broker)) ?? []
  return address === undefined ? {} : { [ATTR_SERVER_ADDRESS]: address, [ATTR_SERVER_PORT]: Number(port) }
}
