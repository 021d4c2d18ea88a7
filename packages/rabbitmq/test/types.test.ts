import type { Channel, ConfirmChannel, ConsumeMessage, GetMessage } from 'amqplib'
import type {
  Channel as CallbackChannel,
  ConfirmChannel as CallbackConfirmChannel,
} from 'amqplib/callback_api'
import { expectTypeOf, test } from 'vitest'
import { traceConsumer, traceHandler, traceProducer } from '../src/index.ts'

test("amqplib's own types stay, of both APIs", () => {
  expectTypeOf(traceProducer<Channel>).returns.toEqualTypeOf<Channel>()
  expectTypeOf(traceProducer<ConfirmChannel>).returns.toEqualTypeOf<ConfirmChannel>()
  expectTypeOf(traceConsumer<ConfirmChannel>).returns.toEqualTypeOf<ConfirmChannel>()
  expectTypeOf(traceProducer<CallbackChannel>).returns.toEqualTypeOf<CallbackChannel>()
  expectTypeOf(traceConsumer<CallbackConfirmChannel>).returns.toEqualTypeOf<CallbackConfirmChannel>()
  const handle = traceHandler(async (message: GetMessage) => message.content, { queue: 'q' })
  expectTypeOf(handle).toEqualTypeOf<(message: GetMessage) => Promise<Buffer>>()
  type OnMessage = Parameters<Channel['consume']>[1]
  expectTypeOf(
    traceHandler((_message: ConsumeMessage | null) => undefined, { queue: 'q' }),
  ).toExtend<OnMessage>()
  // @ts-expect-error a connection publishes nothing
  expectTypeOf(traceProducer).toBeCallableWith({ createChannel: () => Promise.resolve() })
})
