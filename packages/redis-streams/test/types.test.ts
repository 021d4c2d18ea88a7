import type { Cluster, Redis } from 'ioredis'
import { expectTypeOf, test } from 'vitest'
import { traceHandler, traceProducer, type StreamEntry } from '../src/index.ts'

test('a client keeps its type', () => {
  expectTypeOf(traceProducer<Redis>).returns.toEqualTypeOf<Redis>()
  expectTypeOf(traceProducer<Cluster>).returns.toEqualTypeOf<Cluster>()
})

test('the wrong client does not compile', () => {
  // @ts-expect-error node-redis spells it xAdd
  expectTypeOf(traceProducer<{ xAdd: () => Promise<string> }>).toBeFunction()
})

test('a handler keeps its result, and takes what XREADGROUP of ioredis delivers', () => {
  const handle = traceHandler(async ([id]: StreamEntry) => id, { stream: 's' })
  expectTypeOf(handle).returns.resolves.toBeString()
  type Delivered = NonNullable<Awaited<ReturnType<Redis['xreadgroup']>>>[number][1][number]
  expectTypeOf<Delivered>().toExtend<Parameters<typeof handle>[0]>()
})
