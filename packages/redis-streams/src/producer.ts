import {
  ATTR_SERVER_ADDRESS,
  ATTR_SERVER_PORT,
  createTelemetry,
  fieldListGetter,
  patchMethod,
  send,
  stampFieldList,
  WaybillTypeError,
  type SendResult,
  type Telemetry,
  type TelemetryOptions,
} from '@waybill/core/adapter'
import type { StreamProducer } from './types.ts'
import { VERSION } from './version.ts'
import { parseXadd } from './xadd-arguments.ts'

const SCOPE = {
  packageName: '@waybill/redis-streams',
  functionName: 'traceProducer',
  version: VERSION,
  system: 'redis',
} as const

type Xadd = (...args: unknown[]) => unknown

/**
 * Traces every `xadd` of one ioredis client: a PRODUCER span `xadd {stream}`, and `traceparent`, `tracestate`, `baggage` and
 * `waybill` as fields after the entry's own. The client is patched in place and returned; a second call does nothing.
 * `pipeline()`, `multi()`, `duplicate()` and `call('XADD', …)` are not covered.
 *
 * @throws WaybillTypeError if `client` has no `xadd`, or on a bad option
 * @example
 * const redis = traceProducer(new Redis())
 * await redis.xadd('jobs', '*', 'task', 'bill')
 */
export function traceProducer<C extends StreamProducer>(client: C, options?: TelemetryOptions): C {
  const telemetry = createTelemetry(SCOPE, options)
  if (typeof (client as Partial<StreamProducer> | null | undefined)?.xadd !== 'function') {
    throw new WaybillTypeError(
      SCOPE,
      'an ioredis client',
      client,
      'Pass what new Redis() or new Cluster() gives you.',
    )
  }
  const methods = client as unknown as { xadd: Xadd; xaddBuffer?: Xadd }
  patchMethod(methods, 'xadd', (original) => tracedXadd(telemetry, client, original))
  if (typeof methods.xaddBuffer === 'function') {
    patchMethod(methods as { xaddBuffer: Xadd }, 'xaddBuffer', (original) =>
      tracedXadd(telemetry, client, original),
    )
  }
  return client
}

function tracedXadd(telemetry: Telemetry, client: object, original: Xadd): Xadd {
  const { keyPrefix = '', ...server } = connectionOf(client)
  return (...args) => {
    const call = parseXadd(args)
    if (call === undefined) {
      telemetry.log.debug('XADD with arguments that do not parse: passed through untraced')
      return original(...args)
    }
    const outgoing = {
      operation: 'xadd',
      destination: { name: keyPrefix + call.key },
      details: () => serverAttributes(server),
    }
    return send(
      telemetry,
      outgoing,
      (sending) => {
        if (sending === undefined) return original(...args)
        if (call.contentIsIdentity) {
          telemetry.log.debug(
            'XADD with IDMPAUTO: context is not written, since any field of ours would defeat deduplication',
          )
          return original(...args)
        }
        const fields = stampFieldList(call.fields, sending.stamp(call.fields, fieldListGetter))
        return original(...call.head, ...fields, ...call.tail)
      },
      resultOf,
    )
  }
}

/** An id, `null` (NOMKSTREAM on a missing stream: nothing was sent) or `QUEUED` (in a MULTI: the id comes with EXEC). */
function resultOf(reply: unknown): SendResult {
  if (reply === null) return { sent: false }
  const id = reply instanceof Uint8Array ? Buffer.from(reply).toString('utf8') : reply
  return typeof id === 'string' && /^\d+-\d+$/.test(id) ? { messageId: id } : {}
}

interface Connection {
  readonly keyPrefix?: string
  readonly host?: string
  readonly port?: number
}

function connectionOf(client: object): Connection {
  const { options } = client as { options?: Connection }
  const { keyPrefix, host, port } = options ?? {}
  return {
    ...(typeof keyPrefix === 'string' && { keyPrefix }),
    ...(typeof host === 'string' && { host }),
    ...(typeof port === 'number' && { port }),
  }
}

function serverAttributes({ host, port }: Connection): Record<string, string | number> {
  return {
    ...(host !== undefined && { [ATTR_SERVER_ADDRESS]: host }),
    ...(port !== undefined && { [ATTR_SERVER_PORT]: port }),
  }
}
