import { isPatched, patchMethod, safely } from '@waybill/core/adapter'
import { incoming } from './incoming.ts'
import { known, type Known } from './known.ts'
import { metaOf } from './meta.ts'
import { openCalls, type OpenCalls } from './open-calls.ts'
import type { Settings } from './options.ts'
import { SUCCESS } from './outcome.ts'
import { outgoing, type Send } from './outgoing.ts'
import { traceReceiver } from './receiver.ts'
import type { McpMessage, McpTransport } from './types.ts'

const SUBSCRIPTION_KEY = 'io.modelcontextprotocol/subscriptionId'

/** What is going on over one transport. */
export interface Connection {
  readonly settings: Settings
  readonly transport: McpTransport
  readonly known: Known
  /** Requests of our side, and of the other. */
  readonly calls: OpenCalls
  readonly serves: OpenCalls
  /** One HTTP request is one exchange: it is closed where the caller cancels. */
  isExchange: boolean
  /** A subscription may stay for hours: its span is done when it is acknowledged. */
  acknowledge(calls: OpenCalls, message: McpMessage): void
}

const connections = new WeakMap<object, Connection>()

/** What is going on over a traced transport. */
export function connectionOf(transport: object): Connection | undefined {
  return connections.get(transport)
}

/** Traces all that goes over one transport, both ways. A second call does nothing. */
export function traceTransport(settings: Settings, transport: McpTransport): void {
  if (isPatched(transport, 'send')) return
  const connection: Connection = {
    settings,
    transport,
    known: known(settings, transport),
    calls: openCalls(),
    serves: openCalls(),
    isExchange: false,
    acknowledge(calls, message) {
      if (message.method === 'notifications/subscriptions/acknowledged')
        calls.end(metaOf(message)?.[SUBSCRIPTION_KEY], SUCCESS)
    },
  }
  connections.set(transport, connection)
  patchMethod(transport as { send: Send }, 'send', (original) => outgoing(connection, original))
  traceReceiver(transport, incoming(connection))
  // SDKs call what is there before what they do themselves.
  const before = transport.onclose
  transport.onclose = function (this: unknown) {
    closed(connection)
    before?.call(this)
  }
}

function closed({ settings, known, calls, serves, isExchange }: Connection): void {
  safely(settings.telemetry.log, 'following the end of a connection', undefined, () => {
    calls.endAll({ errorType: 'connection_closed' })
    serves.endAll({ errorType: isExchange ? 'cancelled' : 'connection_closed' })
    known.endSession()
  })
}
