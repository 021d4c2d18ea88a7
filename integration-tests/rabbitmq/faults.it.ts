import { setTimeout as delay } from 'node:timers/promises'
import { requireBrokers, startBroker, type Broker } from '@waybill/brokers'
import { traceConsumer, traceProducer } from '@waybill/rabbitmq'
import { connect, type ChannelModel, type ConfirmChannel, type Message } from 'amqplib'
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest'
import { attempts, attribute, isMissing, outcomes, stage, until, url } from './stage.ts'
import { textOf } from './scratch.ts'
import { tcpProxy } from './tcp-proxy.ts'

/** Publishes `count` messages and tells which of them the broker has confirmed. */
async function published(channel: ConfirmChannel, queue: string, count: number): Promise<Set<string>> {
  const confirmed = new Set<string>()
  const answers = Array.from({ length: count }, async (_, i) => {
    const text = `message ${i}`
    await new Promise<void>((resolve) => {
      try {
        channel.sendToQueue(queue, Buffer.from(text), { persistent: true }, (error) => {
          if (error === null) confirmed.add(text)
          resolve()
        })
      } catch {
        // The channel is gone: as on the bare client, this message was never sent.
        resolve()
      }
    })
  })
  await Promise.all(answers)
  return confirmed
}

describe.skipIf(isMissing)('a connection that is cut', () => {
  const on = stage()

  test('rabbitmq-12, rabbitmq-28: in the middle of publishing: each message is confirmed or its span failed', async () => {
    const queue = await on.scratch.queue()
    const proxy = await tcpProxy(url)
    const connection = await connect(proxy.url)
    connection.on('error', () => undefined)
    const channel = traceProducer(await connection.createConfirmChannel())
    channel.on('error', () => undefined)
    let confirms = 0
    channel.on('ack', () => {
      if (++confirms === 3) proxy.cut()
    })
    const batches: Promise<Set<string>>[] = []
    for (let i = 0; i < 40; i++) {
      batches.push(published(channel, queue, 25))
      await delay(1)
    }
    const confirmed = (await Promise.all(batches)).reduce((sum, batch) => sum + batch.size, 0)
    const errors = attribute('error.type', await on.spans(`publish ${queue}`, 1000))
    expect(confirmed).toBeGreaterThan(0)
    expect(confirmed).toBeLessThan(1000)
    expect(errors.filter((type) => type === undefined)).toHaveLength(confirmed)
    // Nothing that was confirmed is lost; what was not may have arrived all the same.
    const bare = await on.scratch.channel()
    expect((await bare.checkQueue(queue)).messageCount).toBeGreaterThanOrEqual(confirmed)
    await proxy.close()
  })

  test('rabbitmq-28: in the middle of a handler: the span ends with it, as channel_closed; the message comes again', async () => {
    const queue = await on.scratch.queue({ arguments: { 'x-queue-type': 'quorum' } })
    const proxy = await tcpProxy(url)
    const connection = await connect(proxy.url)
    connection.on('error', () => undefined)
    const channel = traceConsumer(await connection.createChannel())
    channel.on('error', () => undefined)
    const [started, release] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
    await on.scratch.consume(channel as ConfirmChannel, queue, async () => {
      started.resolve()
      await release.promise
    })
    await on.put(await on.traced(), queue)
    await started.promise
    const closed = new Promise((resolve) => channel.once('close', resolve))
    proxy.cut()
    await closed
    expect(on.telemetry.recorder.open).toEqual([`consume ${queue}`])
    release.resolve()
    expect(outcomes(await on.spans(`consume ${queue}`))).toEqual(['channel_closed'])
    const again = await on.traced()
    await on.scratch.consume(again, queue, (message) => {
      again.ack(message)
    })
    const spans = await on.spans(`consume ${queue}`, 2)
    expect(outcomes(spans)).toEqual(['channel_closed', 'ack'])
    expect(attempts(spans)).toEqual([1, 2])
    await proxy.close()
  })

  test('rabbitmq-28: a channel closed with open messages: all end as channel_closed, and all come again', async () => {
    const [queue, channel] = [await on.scratch.queue(), await on.traced()]
    await on.inFlight(channel, queue, 50)
    await channel.close()
    expect(new Set(outcomes(await on.spans(`consume ${queue}`, 50)))).toEqual(new Set(['channel_closed']))
    const again = await on.traced()
    await on.scratch.consume(again, queue, (message) => {
      again.ack(message)
    })
    await on.spans(`consume ${queue}`, 100)
    expect(new Set(outcomes(on.named(`consume ${queue}`).slice(50)))).toEqual(new Set(['ack']))
  })

  test('rabbitmq-31: a recovering connection: channels traced again in setup are traced once', async () => {
    const queue = await on.scratch.queue()
    const proxy = await tcpProxy(url)
    let channel: ConfirmChannel | undefined
    let setups = 0
    const connection = await connect(proxy.url, {
      recovery: {
        initialDelay: 20,
        async setup(model: ChannelModel) {
          const made = traceConsumer(traceProducer(await model.createConfirmChannel()))
          made.on('error', () => undefined)
          await made.consume(queue, (message) => {
            made.ack(message!)
          })
          channel = made
          setups++
        },
      },
    })
    connection.on('error', () => undefined)
    await on.put(channel!, queue)
    await on.spans(`consume ${queue}`)
    await channel!.checkQueue(queue)
    proxy.cut()
    proxy.mend()
    await until(() => {
      expect(setups).toBe(2)
    })
    await on.put(channel!, queue)
    const consumed = await on.spans(`consume ${queue}`, 2)
    expect(outcomes(consumed)).toEqual(['ack', 'ack'])
    expect(on.named(`publish ${queue}`)).toHaveLength(2)
    await connection.close()
    await proxy.close()
  })
})

const provided = inject('brokers').rabbitmq
/** A broker to stop, or `undefined` where there is none, which is said. */
const own = await startOwn()
afterAll(() => own?.stop())

async function startOwn(): Promise<Broker | undefined> {
  try {
    return await startBroker('rabbitmq', { own: true })
  } catch (error) {
    const { message: reason } = error as Error
    console.log(`✖ a rabbitmq to stop: ${reason}`)
    if ('how' in provided) requireBrokers([{ name: 'rabbitmq', reason }])
    return undefined
  }
}

describe.skipIf(own === undefined)('a broker that is stopped and started', () => {
  const on = stage(own?.url)
  const queue = 'survives'
  let connection: ChannelModel
  beforeAll(async () => {
    connection = await connect(own!.url)
    connection.on('error', () => undefined)
  })

  test('rabbitmq-28: what was confirmed is there afterwards; every span has ended', async () => {
    const channel = traceConsumer(traceProducer(await connection.createConfirmChannel()))
    channel.on('error', () => undefined)
    await channel.assertQueue(queue, { durable: true })
    const confirmed = await published(channel, queue, 50)
    expect(confirmed.size).toBe(50)
    await channel.prefetch(10)
    await channel.consume(queue, () => undefined)
    await until(() => {
      expect(on.telemetry.recorder.open).toHaveLength(10)
    })
    await own!.restart!()
    expect(outcomes(await on.spans(`consume ${queue}`, 10))).toEqual(
      Array.from({ length: 10 }, () => 'channel_closed'),
    )
    await on.reconnect()
    const again = await on.traced()
    const seen = new Set<string>()
    await on.scratch.consume(again, queue, (message: Message) => {
      seen.add(textOf(message))
      again.ack(message)
    })
    await until(() => {
      expect(seen).toEqual(confirmed)
    })
    const spans = await on.spans(`consume ${queue}`, 60)
    expect(attempts(spans.slice(10)).filter((attempt) => attempt === 2)).toHaveLength(10)
  })
})
