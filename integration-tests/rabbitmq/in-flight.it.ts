import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { traceConsumer, traceProducer } from '@waybill/rabbitmq'
import type { ConfirmChannel, ConsumeMessage } from 'amqplib'
import { describe, expect, test } from 'vitest'
import { body, isMissing, stage, until } from './stage.ts'

const MANY = 30_000

describe.skipIf(isMissing)('many messages in flight', () => {
  const on = stage()

  /** Delivers many messages at once, and settles with them. */
  async function delivered(channel: ConfirmChannel): Promise<ConsumeMessage[]> {
    const queue = await on.scratch.queue()
    const bare = await on.scratch.connection.createConfirmChannel()
    const content = body()
    for (let i = 0; i < MANY; i++) bare.sendToQueue(queue, content)
    await bare.waitForConfirms()
    const messages: ConsumeMessage[] = []
    await channel.consume(queue, (message) => void messages.push(message!))
    await until(() => {
      expect(messages).toHaveLength(MANY)
    })
    return messages
  }

  /** Microseconds of one of 1000 acks, newest first: the order that a search from the oldest pays for. */
  function costOf(channel: ConfirmChannel, messages: ConsumeMessage[]): number {
    const newest = messages.splice(-1000)
    const started = performance.now()
    for (let i = newest.length - 1; i >= 0; i--) channel.ack(newest[i]!)
    return performance.now() - started
  }

  test('rabbitmq-29: an ack costs the same with 30,000 in flight and with few', async () => {
    await on.restart({ sampled: false })
    const bare = await on.scratch.channel()
    const traced = traceConsumer(traceProducer(await on.scratch.channel()))
    const [ours, theirs] = [await delivered(traced), await delivered(bare)]
    const costs = Array.from({ length: MANY / 1000 }, () => [costOf(traced, ours), costOf(bare, theirs)])
    // The first are slower on either side, before they are compiled.
    const best = (side: 0 | 1, from: number, to: number): number =>
      Math.min(...costs.slice(from, to).map((cost) => cost[side]!))
    const [many, few] = [best(0, 0, 10), best(0, 20, 30)]
    console.log(
      `an ack, newest first: ${many.toFixed(2)} µs with 30,000 in flight (bare ${best(1, 0, 10).toFixed(2)}), ${few.toFixed(2)} µs with the last 10,000 (bare ${best(1, 20, 30).toFixed(2)})`,
    )
    // A search from the oldest would pass 20,000 more.
    expect(many - few).toBeLessThan(5)
  })

  test('rabbitmq-28: a channel that closes ends all that is open, and nothing is kept', async () => {
    await on.restart({ sampled: false })
    setFlagsFromString('--expose-gc')
    const collect = runInNewContext('gc') as () => void
    const retained = (): number => {
      collect()
      return process.memoryUsage().heapUsed / 1e6
    }
    const round = async (): Promise<void> => {
      const channel = traceConsumer(await on.scratch.channel())
      await delivered(channel)
      await channel.close()
    }
    await round()
    const before = retained()
    for (let i = 0; i < 3; i++) await round()
    await until(async () => {
      const series = await on.telemetry.series('messaging.client.consumed.messages')
      const closed = series.filter(
        ({ attributes }) => attributes['waybill.delivery.outcome'] === 'channel_closed',
      )
      expect(closed.reduce((sum, { value }) => sum + Number(value), 0)).toBe(4 * MANY)
    })
    const more = retained() - before
    console.log(`heap after 90,000 unacked messages and their channels: ${more.toFixed(1)} MB more`)
    // A message that is kept takes a kilobyte: this would be 90 MB.
    expect(more).toBeLessThan(10)
  })
})
