import type { Server } from './producing.ts'

/** What can be known about a client of either kind without talking to it. */
export interface Connection extends Server {
  /** `''` if there is none. */
  readonly keyPrefix: string
}

interface Options {
  readonly keyPrefix?: unknown
  readonly host?: unknown
  readonly port?: unknown
  readonly socket?: { readonly host?: unknown; readonly port?: unknown }
}

/** Reads the options that a client shows. */
export function connectionOf(client: object): Connection {
  const { options, _keyPrefix } = client as { options?: Options; _keyPrefix?: unknown }
  const { keyPrefix, socket, host = socket?.host, port = socket?.port } = options ?? {}
  // Pools and clusters of node-redis show no options.
  const prefix = keyPrefix ?? _keyPrefix
  return {
    keyPrefix: typeof prefix === 'string' ? prefix : '',
    ...(typeof host === 'string' && { host }),
    ...(typeof port === 'number' && { port }),
  }
}

/**
 * The object that all of a node-redis client's derived ones inherit from: `withTypeMapping()`, `asap()` and the like derive
 * from it, not from the client that the application holds.
 */
export function innerOf(client: object): object {
  const { _self: inner } = client as { _self?: unknown }
  return typeof inner === 'object' && inner !== null ? inner : client
}
