import type { ChainableCommander, Cluster, Redis } from 'ioredis'
import { createClient, createClientPool } from 'redis'
import { expectTypeOf, test } from 'vitest'
import { traceHandler, tracePipeline, traceProducer, type StreamEntry } from '../src/index.ts'

test('a client keeps its type', () => {
  expectTypeOf(traceProducer<Redis>).returns.toEqualTypeOf<Redis>()
  expectTypeOf(traceProducer<Cluster>).returns.toEqualTypeOf<Cluster>()
})

test('clients of node-redis keep theirs, too', () => {
  // Compared by use: their types are too large to be compared as a whole.
  const client = createClient()
  const pool = createClientPool()
  const multi = client.multi()
  expectTypeOf(traceProducer(client).xAdd).toEqualTypeOf(client.xAdd)
  expectTypeOf(traceProducer(pool).xAdd).toEqualTypeOf(pool.xAdd)
  expectTypeOf(tracePipeline(multi).xAdd).toEqualTypeOf(multi.xAdd)
  expectTypeOf(tracePipeline<ChainableCommander>).returns.toEqualTypeOf<ChainableCommander>()
})

test('a handler takes what node-redis delivers', () => {
  type Message = { id: string; message: Record<string, string> }
  const handle = traceHandler(async ({ message }: Message) => message['task'], { stream: 's' })
  expectTypeOf(handle).parameter(0).toEqualTypeOf<Message>()
  expectTypeOf(handle).returns.resolves.toEqualTypeOf<string | undefined>()
})

test('the wrong client does not compile', () => {
  // @ts-expect-error neither xadd nor xAdd
  expectTypeOf(traceProducer<{ add: () => Promise<string> }>).toBeFunction()
  // @ts-expect-error a client is no pipeline: it has no exec of its own in node-redis
  expectTypeOf(tracePipeline<ReturnType<typeof createClient>>).toBeFunction()
})

test('a handler keeps its result, and takes what XREADGROUP of ioredis delivers', () => {
  const handle = traceHandler(async ([id]: StreamEntry) => id, { stream: 's' })
  expectTypeOf(handle).returns.resolves.toBeString()
  type Delivered = NonNullable<Awaited<ReturnType<Redis['xreadgroup']>>>[number][1][number]
  expectTypeOf<Delivered>().toExtend<Parameters<typeof handle>[0]>()
})
