import { WaybillTypeError } from '@waybill/core/adapter'
import { traceIoredisPipeline, type IoredisPipeline } from './ioredis-pipeline.ts'
import { traceNodeRedisMulti, type NodeRedisMulti } from './node-redis-multi.ts'
import { createProducing, type ProducerOptions, type Producing } from './producing.ts'
import { scopeOf } from './scope.ts'
import type { StreamPipeline } from './types.ts'

const DEFAULTS: ProducerOptions = {}
// A pipeline lives for one batch; looking up tracer and instruments once for each would cost more than the spans.
const producings = new WeakMap<ProducerOptions, Producing>()

/**
 * Traces the XADDs of one pipeline or transaction: `pipeline()` and `multi()` of ioredis, `multi()` of node-redis. Each gets
 * a PRODUCER span and a context of its own, those active where it is added; the spans end after `exec()`, with the ids from
 * the reply. A failed row fails its own span, a discarded or refused transaction fails all. Commands that were added before
 * this call are not traced. Pass the same options object every time: what belongs to it is prepared once.
 *
 * @returns the pipeline itself
 * @throws WaybillTypeError if it is none, or on a bad option
 * @example
 * const pipeline = tracePipeline(redis.pipeline())
 * for (const task of tasks) pipeline.xadd('jobs', '*', 'task', task)
 * await pipeline.exec()
 */
export function tracePipeline<P extends StreamPipeline>(pipeline: P, options: ProducerOptions = DEFAULTS): P {
  let producing = typeof options === 'object' && options !== null ? producings.get(options) : undefined
  if (producing === undefined) {
    producing = createProducing('tracePipeline', options)
    producings.set(options, producing)
  }
  const { exec, xadd, addCommand } = (pipeline ?? {}) as Record<string, unknown>
  if (typeof exec === 'function' && typeof xadd === 'function' && 'length' in pipeline) {
    traceIoredisPipeline(pipeline as unknown as IoredisPipeline, producing)
  } else if (typeof exec === 'function' && typeof addCommand === 'function') {
    traceNodeRedisMulti(pipeline as unknown as NodeRedisMulti, producing)
  } else {
    throw new WaybillTypeError(
      scopeOf('tracePipeline'),
      'a pipeline or transaction of ioredis or node-redis',
      pipeline,
      'Pass what pipeline() or multi() gives you; for multi({ pipeline: false }) trace the client.',
    )
  }
  return pipeline
}
