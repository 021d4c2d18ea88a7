import { isPatched, patchMethod, send } from '@waybill/core/adapter'
import { connectionOf, innerOf } from './client.ts'
import { listOf } from './field-list.ts'
import { resultOf, type Producing } from './producing.ts'
import { textOf } from './text.ts'

/** `xAdd(key, id, message, options)` */
type XAdd = (this: unknown, ...args: unknown[]) => unknown

/** Each of them is a function of its own. */
const NAMES = ['xAdd', 'XADD', 'xAddNoMkStream', 'XADD_NOMKSTREAM'] as const

/** Patches a client, cluster or pool, with all that is derived from it. */
export function traceNodeRedis(client: object, producing: Producing): void {
  const inner = innerOf(client) as Partial<Record<(typeof NAMES)[number], XAdd>>
  const { keyPrefix, ...server } = connectionOf(client)
  for (const name of NAMES) {
    const method = inner[name]
    if (typeof method !== 'function' || isPatched(inner, name)) continue
    // Not the bound original: a derived client is `this`, with the command options that make the difference.
    patchMethod(inner as Record<string, XAdd>, name, () => traced(producing, method, keyPrefix, server))
  }
}

function traced(
  producing: Producing,
  method: XAdd,
  keyPrefix: string,
  server: Parameters<Producing['outgoing']>[1],
): XAdd {
  return function xAdd(this: unknown, ...args) {
    if (producing.telemetry.signals() === undefined) return method.apply(this, args)
    const [key, id, message, options, ...rest] = args
    const fields = Array.isArray(message) ? undefined : listOf(message)
    if (fields === undefined || fields.length === 0 || key === undefined) {
      producing.telemetry.log.debug('XADD with arguments that do not parse: passed through untraced')
      return method.apply(this, args)
    }
    const identity = (options as { IDMPAUTO?: unknown } | undefined)?.IDMPAUTO !== undefined
    return send(
      producing.telemetry,
      producing.outgoing(keyPrefix + textOf(key), server),
      (sending) => {
        if (sending === undefined) return method.apply(this, args)
        const written = producing.stamped(sending, fields, identity)
        if (written === fields) return method.apply(this, args)
        return method.apply(this, [key, id, recordOf(written), options, ...rest])
      },
      resultOf,
    )
  }
}

function recordOf(list: readonly unknown[]): Record<string, unknown> {
  const pairs: [string, unknown][] = []
  for (let i = 0; i + 1 < list.length; i += 2) pairs.push([textOf(list[i]), list[i + 1]])
  return Object.fromEntries(pairs)
}
