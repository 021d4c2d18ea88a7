// RabbitMQ has no look that changes nothing: get and requeue reorders, sets `redelivered` and counts as a delivery. So copies of
// what comes next are taken, by a queue of our own that is bound beside and goes with our connection.
import { setTimeout as sleep } from 'node:timers/promises'
import { UnreadableInput } from '../input/json-values.ts'
import { textFields, type Look, type WaitingMessage } from './carrier.ts'
import { missingClient, type PeekOptions } from './options.ts'

/** Takes copies of what is published to an exchange, for some seconds; a queue's depth is only read. */
export async function peekRabbitmq(
  url: string,
  queue: string | undefined,
  options: PeekOptions,
): Promise<Look[]> {
  const { exchange, key, seconds, count } = options
  if (exchange === undefined) {
    throw new UnreadableInput(
      'peek at RabbitMQ cannot read waiting messages without changing them: give --exchange (and --key) of what is published, and copies of it are looked at. What is sent to a queue directly cannot be copied',
    )
  }
  const amqplib = await import('amqplib').catch((error: unknown) => {
    throw missingClient('amqplib', error)
  })
  const connection = await amqplib.connect(url)
  connection.on('error', () => undefined)
  try {
    const channel = await connection.createChannel()
    channel.on('error', () => undefined)
    await channel.checkExchange(exchange).catch((error: unknown) => {
      throw new UnreadableInput(`there is no exchange ${exchange} (${(error as Error).message})`)
    })
    const waiting = queue === undefined ? undefined : (await channel.checkQueue(queue)).messageCount
    const shadow = await channel.assertQueue('', {
      exclusive: true,
      autoDelete: true,
      durable: false,
      arguments: { 'x-max-length': count },
    })
    await channel.bindQueue(shadow.queue, exchange, key)
    const messages: WaitingMessage[] = []
    await channel.consume(
      shadow.queue,
      (message) => {
        if (message === null || messages.length >= count) return
        const { headers, timestamp } = message.properties as { headers?: object; timestamp?: unknown }
        const inHeaders = (headers as { timestamp_in_ms?: unknown } | undefined)?.timestamp_in_ms
        const sentAt = Number(inHeaders ?? Number(timestamp) * 1000)
        messages.push({ fields: textFields(headers), ...(sentAt > 0 && { sentAt }) })
      },
      { noAck: true, exclusive: true },
    )
    const until = performance.now() + seconds * 1000
    while (messages.length < count && performance.now() < until) await sleep(20)
    return [
      {
        destination: queue ?? `${exchange}:${key}`,
        system: 'rabbitmq',
        waiting,
        messages,
        note: `copies of what was published to ${exchange} with ${key} within ${seconds} s; what waits already cannot be read without changing it`,
      },
    ]
  } finally {
    await connection.close()
  }
}
