import { beginSend, patchMethod, settle } from '@waybill/core/adapter'
import { resultOf, type Producing } from './producing.ts'
import { createQueuedSends, type QueuedSend, type QueuedSends } from './queued-sends.ts'
import { textOf } from './text.ts'
import { parseXadd } from './xadd-arguments.ts'

type Method = (...args: unknown[]) => unknown
type TransformReply = (reply: unknown, ...rest: unknown[]) => unknown
type Arguments = unknown[] & { preserve?: unknown }

/** The slice of node-redis' `multi()`, of a client or a cluster, that is needed: every XADD goes through `addCommand`. */
export interface NodeRedisMulti {
  addCommand: Method
  exec: Method
}

export function traceNodeRedisMulti(multi: NodeRedisMulti, producing: Producing): void {
  const sends = createQueuedSends(multi)
  if (!patchMethod(multi, 'addCommand', (original) => tracedAddCommand(producing, sends, original))) return
  for (const name of ['exec', 'EXEC', 'execAsPipeline'] as const) {
    const methods = multi as unknown as Record<string, Method>
    if (typeof methods[name] === 'function')
      patchMethod(methods, name, (original) => tracedExec(sends, original))
  }
}

/** A client's takes `(args, transformReply)`, a cluster's has the key and more before them. */
function tracedAddCommand(producing: Producing, sends: QueuedSends, original: Method): Method {
  return (...parameters) => {
    const at = parameters.findIndex(Array.isArray)
    const args = parameters[at] as Arguments | undefined
    const call = args && textOf(args[0]).toUpperCase() === 'XADD' ? parseXadd(args.slice(1)) : undefined
    const sending = call && beginSend(producing.telemetry, producing.outgoing(call.key, {}))
    if (call === undefined || sending === undefined) return original(...parameters)
    const fields = producing.stamped(sending, call.fields, call.contentIsIdentity)
    const command = Object.assign([args?.[0], ...call.head, ...fields], { preserve: args?.preserve })
    const send: QueuedSend = { sending, answered: false }
    sends.add(send)
    const transform = endingSend(send, parameters[at + 1] as TransformReply | undefined)
    return original(...parameters.slice(0, at), command, transform, ...parameters.slice(at + 2))
  }
}

/** Which reply belongs to which command is known where that reply is transformed; nowhere else are the rows told apart. */
function endingSend(send: QueuedSend, transform: TransformReply | undefined): TransformReply {
  return (reply, ...rest) => {
    send.answered = true
    send.sending.end(resultOf(reply))
    return transform === undefined ? reply : transform(reply, ...rest)
  }
}

function tracedExec(sends: QueuedSends, original: Method): Method {
  return (...args) => {
    const waiting = sends.take()
    if (waiting.length === 0) return original(...args)
    return settle(
      () => original(...args),
      (failure) => {
        // The reply of a row that failed is not transformed.
        const left = waiting.filter(({ answered }) => !answered)
        const errors = rowErrors(failure?.error)
        left.forEach(({ sending }, i) => {
          const error = errors.length === left.length ? errors[i] : failure?.error
          // Without rows the transaction was refused as a whole.
          sending.end({ failure: { error }, sent: errors.length > 0 })
        })
      },
    )
  }
}

/** The errors of single rows in a MultiErrorReply, in order. */
function rowErrors(error: unknown): unknown[] {
  const { replies, errorIndexes } = (error ?? {}) as { replies?: unknown; errorIndexes?: unknown }
  if (!Array.isArray(replies) || !Array.isArray(errorIndexes)) return []
  return errorIndexes.map((index: number) => replies[index] as unknown)
}
