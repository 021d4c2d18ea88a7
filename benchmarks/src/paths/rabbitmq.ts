import amqp, { type ConsumeMessage } from 'amqplib'
import { traceConsumer } from '@waybill/rabbitmq'
import { cpuOf } from '../cpu.ts'
import { BODY, OPTIONS, uniqueName } from '../message.ts'
import type { PathJob } from '../path.ts'

/** CPU time of a delivery and its ack while `job.depth` messages are unacknowledged all the time, µs per message. */
export async function measureRabbitmq({ url, depth = 1, warmUp, messages }: PathJob): Promise<number> {
  const connection = await amqp.connect(url)
  const producer = await connection.createConfirmChannel()
  const consumer = traceConsumer(await connection.createChannel(), OPTIONS)
  const queue = uniqueName('bench-queue')
  await consumer.assertQueue(queue, { durable: true, arguments: { 'x-expires': 600_000 } })
  // As many as are unacknowledged, and some that are on their way.
  await consumer.prefetch(depth + 200)

  const held: { message: ConsumeMessage; settle: () => void }[] = []
  let handled = 0
  let wake: { at: number; done: () => void } | undefined
  const handle = (message: ConsumeMessage | null): Promise<void> =>
    new Promise((settle) => {
      // The queue is deleted in the end.
      if (message === null) return settle()
      held.push({ message, settle })
      handled++
      // The oldest goes as soon as there are more than are to be held.
      if (held.length > depth) release()
      if (wake !== undefined && handled >= wake.at) wake.done()
    })
  let next = 0
  const release = (): void => {
    const oldest = held[next]!
    held[next++] = undefined as never
    consumer.ack(oldest.message)
    oldest.settle()
    // Compacted now and then, so that holding costs both depths the same.
    if (next === 1000) {
      held.splice(0, next)
      next = 0
    }
  }
  await consumer.consume(queue, handle as (message: ConsumeMessage | null) => void)
  const run = async (count: number): Promise<void> => {
    const at = handled + count
    const all = new Promise<void>((done) => {
      wake = { at, done }
    })
    for (let i = 0; i < count; i++) producer.sendToQueue(queue, BODY, { persistent: false })
    await all
    wake = undefined
  }
  try {
    await run(depth + warmUp)
    return (await cpuOf(() => run(messages))) / messages
  } finally {
    while (held.length > next) release()
    await consumer.deleteQueue(queue)
    await connection.close()
  }
}
