import type { Attributes } from '@opentelemetry/api'
import { safely } from '@waybill/core/adapter'
import { endpointOf, type Endpoint } from './endpoint.ts'
import { metaOf } from './meta.ts'
import { instrumentsOf, type Role } from './metrics.ts'
import type { Settings } from './options.ts'
import { detailsOf, recordOf, textOf } from './request.ts'
import { ATTR_MCP_PROTOCOL_VERSION, ATTR_MCP_SESSION_ID, ATTR_NETWORK_TRANSPORT } from './semconv.ts'
import type { McpMessage, McpTransport } from './types.ts'

/** Where every request of revision 2026-07-28 names its revision. */
const PROTOCOL_VERSION_KEY = 'io.modelcontextprotocol/protocolVersion'

const NOWHERE: Endpoint = { attributes: {}, remote: true, perRequest: false }

/** What is known of a connection, as far as its messages and its transport told. */
export interface Known {
  readonly endpoint: Endpoint
  /** For points and spans. */
  attributes(isHttp?: boolean): Attributes
  /** For spans. */
  details(message: McpMessage, isHttp?: boolean): Attributes
  /** Takes the revision from a request, or from the answer to a handshake, by which a session begins. */
  learn(role: Role, message: McpMessage, isHandshake?: boolean): void
  /** Measures the session, if there was one. */
  endSession(): void
}

export function known({ telemetry }: Settings, transport: McpTransport): Known {
  const endpoint = safely(telemetry.log, 'looking at a transport', NOWHERE, () => endpointOf(transport))
  let protocolVersion: string | undefined
  let session: { readonly role: Role; readonly started: number } | undefined

  // Asked for with every call, and the same until the revision is known.
  let told:
    | { readonly version: string | undefined; readonly isHttp: boolean; readonly found: Attributes }
    | undefined

  function attributes(isHttp: boolean = false): Attributes {
    const version = protocolVersion ?? textOf(transport.protocolVersion)
    if (told !== undefined && told.version === version && told.isHttp === isHttp) return told.found
    const found: Attributes = { ...endpoint.attributes }
    if (isHttp) found[ATTR_NETWORK_TRANSPORT] = 'tcp'
    if (version !== undefined) found[ATTR_MCP_PROTOCOL_VERSION] = version
    told = { version, isHttp, found }
    return found
  }

  return {
    endpoint,
    attributes,
    details(message, isHttp) {
      const found = { ...detailsOf(message), ...attributes(isHttp) }
      const { sessionId } = transport
      if (typeof sessionId === 'string') found[ATTR_MCP_SESSION_ID] = sessionId
      return found
    },
    learn(role, message, isHandshake = false) {
      const version = textOf(
        isHandshake ? recordOf(message.result)?.['protocolVersion'] : metaOf(message)?.[PROTOCOL_VERSION_KEY],
      )
      if (version === undefined) return
      protocolVersion = version
      if (isHandshake) session = { role, started: performance.now() }
    },
    endSession() {
      const signals = telemetry.signals()
      // Over HTTP without a session id every request connects anew.
      const isSession = !endpoint.perRequest || transport.sessionId !== undefined
      if (session !== undefined && isSession && signals !== undefined)
        instrumentsOf(signals).session[session.role].record(
          (performance.now() - session.started) / 1000,
          attributes(),
        )
      session = undefined
    },
  }
}
