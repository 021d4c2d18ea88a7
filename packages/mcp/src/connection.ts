import { context as contextApi, ROOT_CONTEXT, type Attributes, type Context } from '@opentelemetry/api'
import { isPatched, patchMethod, safely, type Signals } from '@waybill/core/adapter'
import { beginCalling, stampNotification, type Calling, type Sender } from './called.ts'
import { openCalls, type OpenCalls } from './calls.ts'
import { endpointOf, type Endpoint } from './endpoint.ts'
import { metaInArguments, metaOf, withoutContextFields, withoutMetaInArguments } from './meta.ts'
import { boundedNames, instrumentsOf, type Role } from './metrics.ts'
import type { Settings } from './options.ts'
import { outcomeOf, outcomeOfCancel, outcomeOfError, SUCCESS, type Outcome } from './outcome.ts'
import { traceReceiver } from './receiver.ts'
import { detailsOf, factsOf, recordOf, textOf } from './request.ts'
import { ATTR_MCP_PROTOCOL_VERSION, ATTR_MCP_SESSION_ID, ATTR_NETWORK_TRANSPORT } from './semconv.ts'
import { ambientOf, beginServing, notificationContext, type Arrival } from './served.ts'
import type { McpMessage, McpMessageExtra, McpSendOptions, McpTransport } from './types.ts'

/** Where every request of revision 2026-07-28 names its revision. */
const PROTOCOL_VERSION_KEY = 'io.modelcontextprotocol/protocolVersion'
const SUBSCRIPTION_KEY = 'io.modelcontextprotocol/subscriptionId'

/** What is open on a connection. */
export interface Connection {
  readonly outgoing: OpenCalls
  readonly incoming: OpenCalls
}

type Send = (message: McpMessage, options?: McpSendOptions) => Promise<void>

const connections = new WeakMap<object, Connection>()

/** What is open on a traced transport. */
export function connectionOf(transport: object): Connection | undefined {
  return connections.get(transport)
}

/** Traces all that goes over one transport, both ways. A second call does nothing. */
export function traceTransport(settings: Settings, transport: McpTransport): void {
  if (isPatched(transport, 'send')) return
  const { telemetry } = settings
  const { log } = telemetry
  const endpoint = safely<Endpoint>(
    log,
    'looking at a transport',
    { attributes: {}, remote: true, http: false },
    () => endpointOf(transport),
  )
  const [outgoing, incoming] = [openCalls(), openCalls()]
  connections.set(transport, { outgoing, incoming })
  const boundedName = boundedNames()
  let session: { readonly role: Role; readonly started: number } | undefined
  let protocolVersion: string | undefined
  // One HTTP request is one exchange: it is closed where the caller cancels.
  let isExchange = false

  /** What is known of the connection, for every point and span. */
  function commonAttributes(isHttp: boolean): Attributes {
    const attributes: Attributes = { ...endpoint.attributes }
    if (isHttp) attributes[ATTR_NETWORK_TRANSPORT] = 'tcp'
    const version = protocolVersion ?? textOf(transport.protocolVersion)
    if (version !== undefined) attributes[ATTR_MCP_PROTOCOL_VERSION] = version
    return attributes
  }

  function spanDetails(message: McpMessage, isHttp: boolean): Attributes {
    const attributes = { ...detailsOf(message), ...commonAttributes(isHttp) }
    const { sessionId } = transport
    if (typeof sessionId === 'string') attributes[ATTR_MCP_SESSION_ID] = sessionId
    return attributes
  }

  /** Revision and session are told by the handshake, or since 2026-07-28 by every request. */
  function learn(role: Role, message: McpMessage, handshake?: McpMessage): void {
    const version = textOf(
      handshake === undefined
        ? metaOf(message)?.[PROTOCOL_VERSION_KEY]
        : recordOf(handshake.result)?.['protocolVersion'],
    )
    if (version === undefined) return
    protocolVersion = version
    if (handshake !== undefined) session = { role, started: performance.now() }
  }

  function end(calls: OpenCalls, id: unknown, outcome: Outcome): void {
    calls.take(id)?.end(outcome)
  }

  function send(original: Send, message: McpMessage, options: McpSendOptions | undefined): Promise<void> {
    const signals = telemetry.signals()
    if (signals === undefined) return original(message, options)
    const sender: Sender = { settings, signals, endpoint }
    if (message.method === undefined) {
      respond(message)
      return original(message, options)
    }
    if (message.id === undefined || message.id === null) {
      safely(log, 'following a notification', undefined, () => {
        if (message.method === 'notifications/cancelled')
          end(outgoing, recordOf(message.params)?.['requestId'], outcomeOfCancel(message.params))
        acknowledge(incoming, message)
      })
      return original(stampNotification(sender, message), options)
    }
    return call(sender, original, message, options)
  }

  /** A response leaves: the handler is done. */
  function respond(message: McpMessage): void {
    safely(log, 'following a response', undefined, () => {
      const served = incoming.take(message.id)
      if (served === undefined) return
      if (served.facts.method === 'initialize') learn('server', message, message)
      served.end(outcomeOf(message))
    })
  }

  function call(
    sender: Sender,
    original: Send,
    message: McpMessage,
    options: McpSendOptions | undefined,
  ): Promise<void> {
    const calling = safely<Calling | undefined>(log, 'tracing a request', undefined, () => {
      learn('client', message)
      return beginCalling(sender, message, () => spanDetails(message, false))
    })
    if (calling === undefined) return original(message, options)
    const { id } = message
    const signal = options?.requestSignal
    const aborted = (): void => end(outgoing, id, { errorType: 'cancelled' })
    outgoing.add(id, {
      facts: calling.facts,
      context: calling.caller,
      end(outcome) {
        signal?.removeEventListener('abort', aborted)
        calling.end(outcome, commonAttributes(false))
      },
    })
    // Over HTTP, revision 2026-07-28 cancels by closing the stream, and a stream that breaks is not resumed.
    signal?.addEventListener('abort', aborted, { once: true })
    const observed =
      transport.hasPerRequestStream === true ? observingStreamEnd(options, () => lost(id)) : options
    let sent: Promise<void>
    try {
      sent = contextApi.with(calling.context, () => original(calling.message, observed))
    } catch (error) {
      end(outgoing, id, outcomeOfError(error))
      throw error
    }
    return sent.then(undefined, (error: unknown) => {
      end(outgoing, id, outcomeOfError(error))
      throw error
    })
  }

  function lost(id: unknown): void {
    end(outgoing, id, { errorType: 'connection_closed' })
  }

  function receive(
    message: McpMessage,
    extra: McpMessageExtra | undefined,
    deliver: (message: McpMessage) => void,
  ): void {
    const strands = safely(log, 'reading the arguments of a tool', undefined, () => metaInArguments(message))
    const passedOn =
      strands === undefined
        ? message
        : safely(log, 'reading the arguments of a tool', message, () => withoutMetaInArguments(message))
    const signals = telemetry.signals()
    if (signals === undefined) {
      deliver(passedOn)
      return
    }
    if (message.method === undefined) {
      contextApi.with(answered(message), () => deliver(message))
      return
    }
    const isHttp = extra?.requestInfo !== undefined || extra?.request !== undefined
    const arrival: Arrival = {
      facts: factsOf(message),
      carriers: [metaOf(message), strands],
      info: { sessionId: transport.sessionId, authInfo: extra?.authInfo },
      ambient: ambientOf(isHttp),
    }
    if (message.id === undefined || message.id === null) {
      notified(signals, arrival, message, deliver)
      return
    }
    if (isHttp && extra?.classification?.era === 'modern') isExchange = true
    serve(signals, arrival, message, isHttp, () => deliver(passedOn))
  }

  /** A response arrived. Its handler goes on in the caller's context: in that, SDK 2.x sends retries. */
  function answered(message: McpMessage): Context {
    return safely<Context>(log, 'following a response', ROOT_CONTEXT, () => {
      const called = outgoing.take(message.id)
      if (called === undefined) return ROOT_CONTEXT
      if (called.facts.method === 'initialize') learn('client', message, message)
      called.end(outcomeOf(message))
      return called.context
    })
  }

  function notified(
    signals: Signals,
    arrival: Arrival,
    message: McpMessage,
    deliver: (message: McpMessage) => void,
  ): void {
    const { method } = message
    const params = recordOf(message.params)
    const related =
      method === 'notifications/progress'
        ? outgoing.get(params?.['progressToken'])
        : method === 'notifications/cancelled'
          ? incoming.get(params?.['requestId'])
          : undefined
    const context = safely<Context>(log, 'tracing a notification', ROOT_CONTEXT, () =>
      notificationContext(settings, signals, arrival, related?.context),
    )
    const passedOn =
      method === 'notifications/progress' && arrival.carriers[0] !== undefined
        ? safely(log, 'reading a notification', message, () => withoutContextFields(message))
        : message
    contextApi.with(context, () => deliver(passedOn))
    safely(log, 'following a notification', undefined, () => {
      if (method === 'notifications/cancelled') end(incoming, params?.['requestId'], outcomeOfCancel(params))
      acknowledge(outgoing, message)
    })
  }

  /** A subscription may stay for hours: its span is done when it is acknowledged. */
  function acknowledge(calls: OpenCalls, message: McpMessage): void {
    if (message.method === 'notifications/subscriptions/acknowledged')
      end(calls, metaOf(message)?.[SUBSCRIPTION_KEY], SUCCESS)
  }

  function serve(
    signals: Signals,
    arrival: Arrival,
    message: McpMessage,
    isHttp: boolean,
    deliver: () => void,
  ): void {
    const serving = safely(log, 'tracing a request', undefined, () => {
      learn('server', message)
      return beginServing(settings, signals, arrival, boundedName, () => spanDetails(message, isHttp))
    })
    if (serving === undefined) {
      deliver()
      return
    }
    incoming.add(message.id, {
      facts: arrival.facts,
      context: serving.context,
      end: (outcome) => serving.end(outcome, commonAttributes(isHttp)),
    })
    try {
      contextApi.with(serving.context, deliver)
    } catch (error) {
      end(incoming, message.id, outcomeOfError(error))
      throw error
    }
  }

  function closed(): void {
    safely(log, 'following the end of a connection', undefined, () => {
      outgoing.endAll({ errorType: 'connection_closed' })
      incoming.endAll({ errorType: isExchange ? 'cancelled' : 'connection_closed' })
      const signals = telemetry.signals()
      // Over HTTP without a session id every request connects anew.
      if (
        session !== undefined &&
        signals !== undefined &&
        (!endpoint.http || transport.sessionId !== undefined)
      )
        instrumentsOf(signals).session[session.role].record(
          (performance.now() - session.started) / 1000,
          commonAttributes(false),
        )
      session = undefined
    })
  }

  patchMethod(
    transport as { send: Send },
    'send',
    (original) => (message, options) => send(original, message, options),
  )
  traceReceiver(transport, receive)
  // SDKs call what is there before what they do themselves.
  const before = transport.onclose
  transport.onclose = function (this: unknown) {
    closed()
    before?.call(this)
  }
}

function observingStreamEnd(options: McpSendOptions | undefined, ended: () => void): McpSendOptions {
  return {
    ...options,
    onRequestStreamEnd() {
      ended()
      options?.onRequestStreamEnd?.()
    },
  }
}
