import type { KafkaJS } from '@confluentinc/kafka-javascript'
import type { Message, Producer } from '@platformatic/kafka'
import { traceConsumer, traceProducer } from '@waybill/kafka'
import { traceHandler, traceProducer as tracePlatformatic } from '@waybill/kafka/platformatic'
import { expectTypeOf, test } from 'vitest'

test("kafka-7: Confluent's own types stay", () => {
  expectTypeOf(traceProducer<KafkaJS.Producer>).returns.toEqualTypeOf<KafkaJS.Producer>()
  expectTypeOf(traceConsumer<KafkaJS.Consumer>).returns.toEqualTypeOf<KafkaJS.Consumer>()
})

test("kafka-34: Platformatic's own types stay", () => {
  type Made = Producer<string, string, string, string>
  expectTypeOf(tracePlatformatic<Made>).returns.toEqualTypeOf<Made>()
  const handle = traceHandler(async (message: Message<string, string, string, string>) => message.value)
  expectTypeOf(handle).returns.resolves.toBeString()
})
