import { isPatched, patchMethod, safely, WaybillTypeError } from '@waybill/core/adapter'
import { traceTransport } from './connection.ts'
import { resolveSettings, type McpOptions, type Settings } from './options.ts'
import type { McpPeer, McpProtocol, McpTransport } from './types.ts'

type Connect = (transport: McpTransport, ...rest: unknown[]) => Promise<unknown>

/**
 * Traces one MCP client or server, both what it sends and what it is sent, over any transport: a CLIENT span for each
 * request that it makes, a SERVER span for each that it handles, and the context in `params._meta` of requests and
 * notifications. Takes a `Client`, `Server` or `McpServer` of SDK 1.x or 2.x, patches it in place and returns it; a second
 * call does nothing. Where a factory makes servers (`createMcpHandler`, `serveStdio`), call it in the factory.
 *
 * @throws WaybillTypeError if `peer` is none of these, or on a bad option
 * @example
 * const client = traceMcp(new Client({ name: 'agent', version: '1.0.0' }))
 * await client.connect(transport)
 */
export function traceMcp<P extends McpPeer>(peer: P, options?: McpOptions): P {
  const settings = settingsOf(options)
  const protocol = protocolOf(peer)
  if (protocol === undefined) {
    throw new WaybillTypeError(
      { packageName: '@waybill/mcp', functionName: 'traceMcp' },
      'a Client, Server or McpServer of the MCP SDK',
      peer,
      'Pass the object on which you call connect().',
    )
  }
  if (isPatched(protocol, 'connect')) return peer
  patchMethod(protocol as unknown as { connect: Connect }, 'connect', (original) => (transport, ...rest) => {
    attach(settings, transport)
    return original(transport, ...rest)
  })
  const { transport } = protocol as { readonly transport?: McpTransport | undefined }
  if (transport !== undefined) attach(settings, transport)
  return peer
}

/** Servers are often made for one request each: what all of them share is made once. */
const known = new WeakMap<McpOptions, Settings>()
const NO_OPTIONS: McpOptions = Object.freeze({})

function settingsOf(options: McpOptions = NO_OPTIONS): Settings {
  const settings = known.get(options) ?? resolveSettings('traceMcp', options)
  // Only what could be checked gets here, so it is an object.
  known.set(options, settings)
  return settings
}

function attach(settings: Settings, transport: McpTransport): void {
  safely(settings.telemetry.log, 'tracing a transport', undefined, () => {
    traceTransport(settings, transport)
  })
}

/** What connects: an `McpServer` hands it to the server within. */
function protocolOf(peer: unknown): McpProtocol | undefined {
  const { server } = (peer ?? {}) as { readonly server?: unknown }
  return [peer, server].find(isProtocol)
}

function isProtocol(value: unknown): value is McpProtocol {
  const { connect, setRequestHandler } = (value ?? {}) as Partial<Record<keyof McpProtocol, unknown>>
  return typeof connect === 'function' && typeof setRequestHandler === 'function'
}
