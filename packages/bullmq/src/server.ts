import type { Attributes } from '@opentelemetry/api'
import { ATTR_SERVER_ADDRESS, ATTR_SERVER_PORT } from '@waybill/core/adapter'

interface Address {
  readonly host?: unknown
  readonly port?: unknown
  readonly url?: unknown
}

/** The server in a `connection` option: `{ host, port }`, `{ url }`, an ioredis client or a node-redis one. */
export function serverAttributes(connection: unknown): Attributes {
  const { options, ...own } = (connection ?? {}) as Address & { options?: Address & { socket?: Address } }
  const given = options?.socket ?? options ?? own
  const { hostname, port } = typeof given.url === 'string' ? new URL(given.url) : { hostname: '', port: '' }
  const host = typeof given.host === 'string' ? given.host : hostname
  const number = Number(given.port ?? port)
  return {
    ...(host !== '' && { [ATTR_SERVER_ADDRESS]: host }),
    ...(host !== '' && number > 0 && { [ATTR_SERVER_PORT]: number }),
  }
}
