import type { Attributes } from '@opentelemetry/api'
import { ATTR_SERVER_ADDRESS, ATTR_SERVER_PORT } from '@waybill/core/adapter'
import { ATTR_NETWORK_TRANSPORT } from './semconv.ts'

/** Where the other side of a transport is. */
export interface Endpoint {
  /** `network.transport`, and of a client `server.address` and `server.port`. */
  readonly attributes: Attributes
  /** Host and port of the server, as far as they are known. */
  readonly host?: string | undefined
  /** Whether what is sent leaves this machine. What is not known counts as leaving it. */
  readonly remote: boolean
  /** Whether nothing but a session id holds its requests together. */
  readonly perRequest: boolean
}

const DEFAULT_PORTS: Readonly<Record<string, number>> = { 'http:': 80, 'ws:': 80, 'https:': 443, 'wss:': 443 }

/**
 * Told by the fields of the SDKs' transports, which have no other mark: `_url` of HTTP, SSE and WebSocket clients,
 * `_serverParams` of stdio clients, `_stdin` of stdio servers (`_wire` around it under `serveStdio`), `_otherTransport` of
 * the in-memory pair.
 */
export function endpointOf(transport: object): Endpoint {
  const fields = transport as Readonly<Record<string, unknown>>
  const url = fields['_url']
  // The SSE client has one stream for all, and no session id.
  if (url instanceof URL)
    return client(url, url.protocol.startsWith('http') && !('_eventSourceInit' in fields))
  if ('_otherTransport' in fields) return { attributes: {}, remote: false, perRequest: false }
  const wire = fields['_wire']
  if ('_serverParams' in fields || '_stdin' in fields) return PIPE
  if (typeof wire === 'object' && wire !== null) return endpointOf(wire)
  return isHttpServer(fields) ? HTTP_SERVER : UNKNOWN
}

const PIPE: Endpoint = { attributes: { [ATTR_NETWORK_TRANSPORT]: 'pipe' }, remote: false, perRequest: false }
const HTTP_SERVER: Endpoint = {
  attributes: { [ATTR_NETWORK_TRANSPORT]: 'tcp' },
  remote: true,
  perRequest: true,
}
const UNKNOWN: Endpoint = { attributes: {}, remote: true, perRequest: false }

function isHttpServer(fields: Readonly<Record<string, unknown>>): boolean {
  return ['handleRequest', 'handlePostMessage', 'handleMessage'].some(
    (method) => typeof fields[method] === 'function',
  )
}

function client(url: URL, perRequest: boolean): Endpoint {
  const host = url.hostname.replace(/^\[|\]$/g, '')
  const port = url.port === '' ? DEFAULT_PORTS[url.protocol] : Number(url.port)
  return {
    attributes: {
      [ATTR_NETWORK_TRANSPORT]: 'tcp',
      [ATTR_SERVER_ADDRESS]: host,
      ...(port !== undefined && { [ATTR_SERVER_PORT]: port }),
    },
    host: port === undefined ? host : `${host}:${port}`,
    remote: !isLoopback(host),
    perRequest,
  }
}

function isLoopback(host: string): boolean {
  return (
    host === 'localhost' || host.endsWith('.localhost') || host === '::1' || /^127(\.\d{1,3}){3}$/.test(host)
  )
}

/** Whether baggage may go there. */
export function takesBaggage({ remote, host }: Endpoint, listed: ReadonlySet<string>): boolean {
  if (!remote) return true
  return host !== undefined && (listed.has(host) || listed.has(host.slice(0, host.lastIndexOf(':'))))
}
