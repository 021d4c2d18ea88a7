import type { Consumer, ConsumerRunConfig, EachBatchPayload, EachMessagePayload, Producer } from 'kafkajs'
import { expectTypeOf, test } from 'vitest'
import { traceConsumer, traceHandler, traceProducer } from '../src/index.ts'

test("kafkajs' own types stay", () => {
  expectTypeOf(traceProducer<Producer>).returns.toEqualTypeOf<Producer>()
  expectTypeOf(traceConsumer<Consumer>).returns.toEqualTypeOf<Consumer>()
  const config: ConsumerRunConfig = {
    eachMessage: traceHandler(async (payload) => {
      expectTypeOf(payload).toEqualTypeOf<EachMessagePayload>()
    }),
    eachBatch: traceHandler(async (payload) => {
      expectTypeOf(payload).toEqualTypeOf<EachBatchPayload>()
    }),
  }
  expectTypeOf(config).toEqualTypeOf<ConsumerRunConfig>()
  // @ts-expect-error an admin client sends nothing
  expectTypeOf(traceProducer).toBeCallableWith({ createTopics: () => Promise.resolve(true) })
})
