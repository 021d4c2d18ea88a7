import { WaybillTypeError } from '@waybill/core/adapter'
import { traceIoredis, type Xadd } from './ioredis-producer.ts'
import { traceNodeRedis } from './node-redis-producer.ts'
import { createProducing, type ProducerOptions } from './producing.ts'
import { scopeOf } from './scope.ts'
import type { StreamProducer } from './types.ts'

/**
 * Traces every XADD of one client, of ioredis (`Redis`, `Cluster`) or node-redis (client, cluster, pool): a PRODUCER span
 * `xadd {stream}`, and `traceparent`, `tracestate`, `baggage` and `waybill` as fields after the entry's own. The client is
 * patched in place and returned; a second call does nothing. With node-redis, what `withTypeMapping()` and the like derive
 * from the client is covered, too. Not covered: `duplicate()`, commands sent by name (`call`, `sendCommand`), scripts, and
 * `pipeline()` and `multi()`, for which there is `tracePipeline`.
 *
 * @throws WaybillTypeError if `client` has neither `xadd` nor `xAdd`, or on a bad option
 * @example
 * const redis = traceProducer(new Redis())
 * await redis.xadd('jobs', '*', 'task', 'bill')
 */
export function traceProducer<C extends StreamProducer>(client: C, options?: ProducerOptions): C {
  const producing = createProducing('traceProducer', options)
  const { xadd, xAdd } = (client ?? {}) as { xadd?: unknown; xAdd?: unknown }
  if (typeof xadd === 'function') traceIoredis(client as { xadd: Xadd }, producing)
  else if (typeof xAdd === 'function') traceNodeRedis(client, producing)
  else {
    throw new WaybillTypeError(
      scopeOf('traceProducer'),
      'a client of ioredis or node-redis',
      client,
      'Pass what new Redis(), new Cluster(), createClient(), createCluster() or createClientPool() gives you.',
    )
  }
  return client
}
