import { context as contextApi } from '@opentelemetry/api'
import { safely } from '@waybill/core/adapter'
import { beginCalling, stampNotification, type Calling, type Sender } from './client-span.ts'
import type { Connection } from './connection.ts'
import { outcomeOf, outcomeOfCancel, outcomeOfError } from './outcome.ts'
import { recordOf } from './request.ts'
import type { McpMessage, McpSendOptions } from './types.ts'

export type Send = (message: McpMessage, options?: McpSendOptions) => Promise<void>

/** All that leaves over one connection: requests of our side, answers to those of the other, notifications. */
export function outgoing(connection: Connection, original: Send): Send {
  const { settings, known, calls, serves } = connection
  const { telemetry } = settings
  const { log } = telemetry

  return (message, options) => {
    const signals = telemetry.signals()
    if (signals === undefined) return original(message, options)
    if (message.method === undefined) {
      respond(message)
      return original(message, options)
    }
    const sender: Sender = { settings, signals, endpoint: known.endpoint }
    if (message.id !== undefined && message.id !== null) return call(sender, message, options)
    safely(log, 'following a notification', undefined, () => {
      if (message.method === 'notifications/cancelled')
        calls.end(recordOf(message.params)?.['requestId'], outcomeOfCancel(message.params))
      connection.acknowledge(serves, message)
    })
    return original(stampNotification(sender, message), options)
  }

  /** The handler is done. */
  function respond(message: McpMessage): void {
    safely(log, 'following a response', undefined, () => {
      const served = serves.take(message.id)
      if (served === undefined) return
      if (served.facts.method === 'initialize') known.learn('server', message, true)
      served.end(outcomeOf(message))
    })
  }

  function call(sender: Sender, message: McpMessage, options: McpSendOptions | undefined): Promise<void> {
    const calling = safely<Calling | undefined>(log, 'tracing a request', undefined, () => {
      known.learn('client', message)
      return beginCalling(sender, message, () => known.details(message))
    })
    if (calling === undefined) return original(message, options)
    const { id } = message
    calls.add(id, {
      facts: calling.facts,
      context: calling.caller,
      end: (outcome) => calling.end(outcome, known.attributes()),
    })
    // Over HTTP, revision 2026-07-28 cancels by closing the stream of the request.
    options?.requestSignal?.addEventListener('abort', () => calls.end(id, { errorType: 'cancelled' }), {
      once: true,
    })
    const failed = (error: unknown): never => {
      calls.end(id, outcomeOfError(error))
      throw error
    }
    const observed = observingStreamEnd(connection, id, options)
    try {
      return contextApi
        .with(calling.context, () => original(calling.message, observed))
        .then(undefined, failed)
    } catch (error) {
      return failed(error)
    }
  }
}

/** A stream of its own that ends without the response is not resumed for ever: then the SDK says so here. */
function observingStreamEnd(
  { transport, calls }: Connection,
  id: McpMessage['id'],
  options: McpSendOptions | undefined,
): McpSendOptions | undefined {
  if (transport.hasPerRequestStream !== true) return options
  return {
    ...options,
    onRequestStreamEnd() {
      calls.end(id, { errorType: 'connection_closed' })
      options?.onRequestStreamEnd?.()
    },
  }
}
