import type { Attributes } from '@opentelemetry/api'
import { ATTR_SERVER_ADDRESS, ATTR_SERVER_PORT } from '@waybill/core/adapter'

interface Address {
  readonly host?: unknown
  readonly port?: unknown
  readonly url?: unknown
  readonly connectionString?: unknown
}

const known = new WeakMap<object, Attributes>()

/**
 * The server in a `connection` option: `{ host, port }`, `{ url }`, an ioredis client or a node-redis one; PostgreSQL's
 * `{ connectionString }` or pool. Read once for each.
 */
export function serverAttributes(connection: unknown): Attributes {
  if (typeof connection !== 'object' || connection === null) return {}
  let attributes = known.get(connection)
  if (attributes === undefined) {
    attributes = read(connection)
    known.set(connection, attributes)
  }
  return attributes
}

function read(connection: object): Attributes {
  const { options, ...own } = connection as Address & { options?: Address & { socket?: Address } }
  const given = options?.socket ?? options ?? own
  const url = given.url ?? given.connectionString
  const { hostname, port } = typeof url === 'string' ? new URL(url) : { hostname: '', port: '' }
  const host = typeof given.host === 'string' ? given.host : hostname
  const number = Number(given.port ?? port)
  return {
    ...(host !== '' && { [ATTR_SERVER_ADDRESS]: host }),
    ...(host !== '' && number > 0 && { [ATTR_SERVER_PORT]: number }),
  }
}
