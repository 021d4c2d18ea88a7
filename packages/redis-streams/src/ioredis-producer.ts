import { patchMethod, send } from '@waybill/core/adapter'
import { connectionOf } from './client.ts'
import { resultOf, type Producing } from './producing.ts'
import { parseXadd } from './xadd-arguments.ts'

export type Xadd = (...args: unknown[]) => unknown

/** Patches `xadd` and `xaddBuffer` of one `Redis` or `Cluster`. */
export function traceIoredis(client: { xadd: Xadd; xaddBuffer?: Xadd }, producing: Producing): void {
  patchMethod(client, 'xadd', (original) => traced(producing, client, original))
  if (typeof client.xaddBuffer === 'function') {
    patchMethod(client as { xaddBuffer: Xadd }, 'xaddBuffer', (original) =>
      traced(producing, client, original),
    )
  }
}

function traced(producing: Producing, client: object, original: Xadd): Xadd {
  const { telemetry } = producing
  const { keyPrefix, ...server } = connectionOf(client)
  return (...args) => {
    if (telemetry.signals() === undefined) return original(...args)
    const call = parseXadd(args)
    if (call === undefined) {
      telemetry.log.debug('XADD with arguments that do not parse: passed through untraced')
      return original(...args)
    }
    const answer = send(
      telemetry,
      producing.outgoing(keyPrefix + call.key, server),
      (sending) => {
        if (sending === undefined) return original(...args)
        const fields = producing.stamped(sending, call.fields, call.contentIsIdentity)
        return fields === call.fields ? original(...args) : original(...call.head, ...fields, ...call.tail)
      },
      resultOf,
    )
    // With a callback the bare client has taken care of a rejection; nobody looks at the promise.
    if (call.tail.length > 0 && answer instanceof Promise) answer.catch(() => undefined)
    return answer
  }
}
