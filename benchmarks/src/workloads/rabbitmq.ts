import { createRequire } from 'node:module'
import { context, defaultTextMapGetter } from '@opentelemetry/api'
import type { ConsumeMessage } from 'amqplib'
import { BODY, OPTIONS, uniqueName } from '../message.ts'
import type { OpenWorkload } from '../workload.ts'

const BURST = 100
const PREFETCH = 500

/** Bursts of 100 publishes, never more than 500 messages on their way, each handled and acknowledged by itself. */
export const open: OpenWorkload = async (url, variant, calls) => {
  if (variant === 'peer') {
    const { AmqplibInstrumentation } = await import('@opentelemetry/instrumentation-amqplib')
    new AmqplibInstrumentation().enable()
  }
  // Required, not imported: the peer's hook sees only that, and all variants are to run the same code.
  const amqp = createRequire(import.meta.url)('amqplib') as typeof import('amqplib')
  const connection = await amqp.connect(url)
  const producer = await connection.createChannel()
  const consumer = await connection.createChannel()
  if (variant === 'ours') {
    const { traceConsumer, traceProducer } = await import('@waybill/rabbitmq')
    traceProducer(producer, OPTIONS)
    traceConsumer(consumer, OPTIONS)
  }
  const queue = uniqueName('bench-queue')
  // Whatever ends this process, the queue does not stay.
  await consumer.assertQueue(queue, {
    durable: true,
    arguments: { 'x-queue-type': 'classic', 'x-expires': 600_000 },
  })
  await consumer.prefetch(PREFETCH)

  let sent = 0
  let handled = 0
  let wake: (() => void) | undefined
  const handle = async (): Promise<void> => {}
  const onMessage = async (message: ConsumeMessage): Promise<void> => {
    const begun = calls?.beginHandle(message.properties.headers ?? {}, defaultTextMapGetter)
    await (begun === undefined ? handle() : context.with(begun.context, handle))
    consumer.ack(message)
    begun?.end()
    handled++
    if (handled === sent || sent - handled === PREFETCH - BURST) wake?.()
  }
  const { consumerTag } = await consumer.consume(queue, (message) => {
    if (message === null) throw new Error('The broker has cancelled the consumer')
    // Handed on, since wrappers end their span when it settles. It never rejects.
    return onMessage(message) as unknown as void
  })
  const publish = (): void => {
    const begun = calls?.beginSend()
    if (begun === undefined) {
      producer.sendToQueue(queue, BODY, { persistent: false })
      return
    }
    const options = { persistent: false, headers: begun.carrier }
    context.with(begun.context, () => producer.sendToQueue(queue, BODY, options))
    begun.end()
  }
  /** Settles when no more than this number of messages are on their way. */
  const until = async (underway: number): Promise<void> => {
    while (sent - handled > underway) {
      await new Promise<void>((resolve) => {
        wake = resolve
      })
    }
  }

  return {
    messagesPerSpan: 1,
    async run(messages) {
      const end = sent + messages
      while (sent < end) {
        for (let i = 0; i < BURST; i++) publish()
        sent += BURST
        await until(PREFETCH - BURST)
      }
      await until(0)
    },
    async close() {
      await consumer.cancel(consumerTag)
      await consumer.deleteQueue(queue)
      await connection.close()
    },
  }
}
