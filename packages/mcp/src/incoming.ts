import { context as contextApi, ROOT_CONTEXT, type Context } from '@opentelemetry/api'
import { safely, type Signals } from '@waybill/core/adapter'
import type { Connection } from './connection.ts'
import { metaInArguments, metaOf, withoutContextFields, withoutMetaInArguments } from './meta.ts'
import { originOf, type Arrival } from './origin.ts'
import { outcomeOf, outcomeOfCancel, outcomeOfError } from './outcome.ts'
import type { Receiving } from './receiver.ts'
import { argumentsOf, factsOf, recordOf } from './request.ts'
import { beginServing } from './server-span.ts'
import type { McpMessage } from './types.ts'

type Deliver = (message: McpMessage) => void

/** All that arrives over one connection: requests and notifications of the other side, answers to ours. */
export function incoming(connection: Connection): Receiving {
  const { settings, transport, known, calls, serves } = connection
  const { telemetry } = settings
  const { log } = telemetry

  return (message, extra, deliver) => {
    const inArguments = safely(log, 'reading the arguments of a tool', undefined, () =>
      telemetry.options.foreignCarriers.includes('strands') ? metaInArguments(message) : undefined,
    )
    const passedOn =
      inArguments === undefined
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
      given: argumentsOf(passedOn),
      carriers: [metaOf(message), inArguments],
      info: { sessionId: transport.sessionId, authInfo: extra?.authInfo },
      ambient: isHttp ? contextApi.active() : undefined,
    }
    if (message.id === undefined || message.id === null) {
      notified(signals, arrival, message, deliver)
      return
    }
    if (isHttp && extra?.classification?.era === 'modern') connection.isExchange = true
    serve(signals, arrival, message, isHttp, () => deliver(passedOn))
  }

  /** Its handler goes on in the caller's context: in that, SDK 2.x does what a server asks for and calls again. */
  function answered(message: McpMessage): Context {
    return safely<Context>(log, 'following a response', ROOT_CONTEXT, () => {
      const called = calls.take(message.id)
      if (called === undefined) return ROOT_CONTEXT
      if (called.facts.method === 'initialize') known.learn('client', message, true)
      called.end(outcomeOf(message))
      return called.context
    })
  }

  /** Runs in its own context, else in that of the request that it is about, else in none. */
  function notified(signals: Signals, arrival: Arrival, message: McpMessage, deliver: Deliver): void {
    const { method } = message
    const params = recordOf(message.params)
    const isProgress = method === 'notifications/progress'
    const isCancel = method === 'notifications/cancelled'
    const context = safely<Context>(log, 'tracing a notification', ROOT_CONTEXT, () => {
      const origin = originOf(settings, signals, arrival)
      if (origin.isChild) return origin.parent
      const related = isProgress
        ? calls.get(params?.['progressToken'])
        : isCancel
          ? serves.get(params?.['requestId'])
          : undefined
      return related?.context ?? origin.parent
    })
    const passedOn =
      isProgress && arrival.carriers[0] !== undefined
        ? safely(log, 'reading a notification', message, () => withoutContextFields(message))
        : message
    contextApi.with(context, () => deliver(passedOn))
    safely(log, 'following a notification', undefined, () => {
      if (isCancel) serves.end(params?.['requestId'], outcomeOfCancel(params))
      connection.acknowledge(calls, message)
    })
  }

  function serve(
    signals: Signals,
    arrival: Arrival,
    message: McpMessage,
    isHttp: boolean,
    deliver: () => void,
  ): void {
    const serving = safely(log, 'tracing a request', undefined, () => {
      known.learn('server', message)
      return beginServing(settings, signals, arrival, () => known.details(message, isHttp))
    })
    if (serving === undefined) {
      deliver()
      return
    }
    serves.add(message.id, {
      facts: arrival.facts,
      context: serving.context,
      end: (outcome) => serving.end(outcome, known.attributes(isHttp)),
    })
    try {
      contextApi.with(serving.context, deliver)
    } catch (error) {
      serves.end(message.id, outcomeOfError(error))
      throw error
    }
  }
}
