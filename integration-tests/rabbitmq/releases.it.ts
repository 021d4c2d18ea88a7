import { randomUUID } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import { requireBrokers, startBroker, type Broker } from '@waybill/brokers'
import { traceHandler } from '@waybill/rabbitmq'
import type { ConfirmChannel, ConsumeMessage, GetMessage, Options } from 'amqplib'
import { afterAll, describe, expect, inject, test } from 'vitest'
import { expectBetween } from '../bounds.ts'
import { stampsArrival } from './scratch.ts'
import { attempts, attribute, idOf, outcomes, parentOf, quorum, seconds, stage, until } from './stage.ts'
import { histogram } from '../telemetry.ts'

/** A broker that is there. */
type Release = Readonly<Record<'url' | 'version' | 'how', string>>

const LOWER_BOUND = 'waybill.delivery.attempt.lower_bound'

/** What depends on the broker's release: how it counts, and what it writes into messages. */
function behaviours(release: Release | undefined): void {
  const on = stage(release?.url)

  test('rabbitmq-1: a message parked for 300 ms has a transit span of that length that ends where Process starts', async () => {
    const [queue, channel] = [await on.scratch.queue(), await on.traced()]
    await on.put(channel, queue)
    const confirmed = Date.now()
    const until = confirmed + 300
    while (Date.now() < until) await delay(until - Date.now())
    await on.scratch.consume(channel, queue, (message) => {
      channel.ack(message)
    })
    const [consumed] = await on.spans(`consume ${queue}`)
    const [transit] = on.named(`transit ${queue}`)
    const [sent] = on.named(`publish ${queue}`)
    expect(parentOf(transit)).toBe(idOf(sent))
    const wait = consumed?.attributes['waybill.transit.time'] as number
    // Between the publish, as its own span tells, and the handler.
    const reached = seconds(consumed!.startTime)
    expectBetween(wait, reached - confirmed / 1000, reached - seconds(sent!.startTime))
    expect(reached - confirmed / 1000).toBeGreaterThanOrEqual(0.299)
    expect(seconds(transit!.endTime)).toBeCloseTo(reached, 2)
    expect(transit?.attributes).toMatchObject({ 'waybill.transit.clock': 'producer' })
    expect(transit?.attributes).not.toHaveProperty('waybill.transit.resolution')
    const [series] = await on.telemetry.series('waybill.transit.duration')
    expect(histogram(series)).toMatchObject({ count: 1, sum: wait })
  })

  describe.each<[string, Options.AssertQueue]>([
    ['classic', {}],
    ['quorum', quorum],
  ])('%s queue', (type, queueOptions) => {
    const isQuorum = type === 'quorum'

    /** Delivers one message again and again, each time given back in another way. */
    async function givenBack(
      ways: readonly ((channel: ConfirmChannel, message: ConsumeMessage) => unknown)[],
    ): Promise<string> {
      const [queue, channel] = [await on.scratch.queue(queueOptions), await on.traced()]
      await on.put(channel, queue)
      let delivery = 0
      await on.scratch.consume(channel, queue, (message) => {
        const way = ways[delivery++]
        if (way === undefined) channel.ack(message)
        else void way(channel, message)
      })
      await on.spans(`consume ${queue}`, ways.length + 1)
      return queue
    }

    test('rabbitmq-8, rabbitmq-33: after nack, reject and recover the attempt is right and nothing waits from the first publish', async () => {
      const queue = await givenBack([
        (channel, message) => channel.nack(message),
        (channel, message) => channel.reject(message, true),
        (channel) => channel.recover(),
      ])
      const consumed = on.named(`consume ${queue}`)
      const [sent] = on.named(`publish ${queue}`)
      for (const span of consumed) expect(parentOf(span)).toBe(idOf(sent))
      expect(outcomes(consumed)).toEqual(['requeue', 'requeue', 'requeue', 'ack'])
      expect(attempts(consumed)).toEqual(isQuorum ? [1, 2, 3, 4] : [1, 2, 2, 2])
      expect(attribute(LOWER_BOUND, consumed)).toEqual(
        isQuorum ? [undefined, undefined, undefined, undefined] : [undefined, true, true, true],
      )
      expect(attribute('waybill.transit.unknown', consumed).slice(1)).toEqual([
        'redelivered',
        'redelivered',
        'redelivered',
      ])
      for (const span of consumed.slice(1)) {
        expect(span.attributes).not.toHaveProperty('waybill.transit.time')
        expect(span.attributes['waybill.message.age']).toBeGreaterThanOrEqual(0)
      }
      expect(on.named(`transit ${queue}`)).toHaveLength(1)
      const [series] = await on.telemetry.series('waybill.transit.duration')
      expect(histogram(series).count).toBe(1)
    })

    test('rabbitmq-8: after a crash of the channel', async () => {
      const [queue, first, second] = [
        await on.scratch.queue(queueOptions),
        await on.traced(),
        await on.traced(),
      ]
      await on.inFlight(first, queue, 1)
      await first.close()
      await on.scratch.consume(second, queue, (message) => {
        second.ack(message)
      })
      const spans = await on.spans(`consume ${queue}`, 2)
      expect(outcomes(spans)).toEqual(['channel_closed', 'ack'])
      expect(attempts(spans)).toEqual([1, 2])
    })

    test('rabbitmq-32: rejected into a dead-letter queue, once: a wait in whole seconds from the death', async () => {
      const dead = await on.scratch.queue(queueOptions)
      const queue = await on.scratch.queue({
        ...queueOptions,
        deadLetterExchange: '',
        deadLetterRoutingKey: dead,
      })
      const channel = await on.traced()
      await on.put(channel, queue)
      await on.scratch.consume(channel, queue, (message) => {
        channel.reject(message, false)
      })
      await until(async () => {
        expect((await channel.checkQueue(dead)).messageCount).toBe(1)
      })
      const message = (await channel.get(dead)) as GetMessage
      channel.ack(message)
      const [span] = on.named(`get ${dead}`)
      expect(span?.attributes).toMatchObject({
        'waybill.message.age': expect.any(Number),
        'waybill.delivery.attempt': 1,
        [LOWER_BOUND]: true,
        'rabbitmq.message.deaths': 1,
        'rabbitmq.message.first_death.queue': queue,
        'rabbitmq.message.first_death.reason': 'rejected',
        'rabbitmq.message.last_death.queue': queue,
        'rabbitmq.message.last_death.reason': 'rejected',
      })
      const { 'waybill.transit.time': wait, 'waybill.message.age': age } = span!.attributes
      if (message.fields.redelivered) {
        expect(span?.attributes['waybill.transit.unknown']).toBe('dead_lettered')
        expect(wait).toBeUndefined()
      } else {
        expect(span?.attributes['waybill.transit.resolution']).toBe(1)
        expect(wait).toBeLessThanOrEqual(age as number)
        const [transit] = on.named(`transit ${dead}`)
        expect(transit?.attributes).toMatchObject({
          'waybill.transit.resolution': 1,
          'waybill.transit.clock': 'broker',
        })
      }
    })

    test('rabbitmq-8, rabbitmq-32: round and round through a delay queue: attempts never fall, later waits are unknown', async () => {
      const key = `retry-${randomUUID()}`
      const work = await on.scratch.queue({
        ...queueOptions,
        deadLetterExchange: 'amq.direct',
        deadLetterRoutingKey: key,
      })
      const pause = await on.scratch.queue({
        ...queueOptions,
        messageTtl: 50,
        deadLetterExchange: '',
        deadLetterRoutingKey: work,
      })
      const channel = await on.traced()
      await channel.bindQueue(pause, 'amq.direct', key)
      await on.put(channel, work)
      let deliveries = 0
      await on.scratch.consume(channel, work, (message) => {
        if (++deliveries < 4) channel.reject(message, false)
        else channel.ack(message)
      })
      const spans = await on.spans(`consume ${work}`, 4)
      expect(attempts(spans)).toEqual([1, 2, 3, 4])
      expect(attribute(LOWER_BOUND, spans)).toEqual([undefined, true, true, true])
      expect(outcomes(spans)).toEqual(['reject', 'reject', 'reject', 'ack'])
      expect(attribute('rabbitmq.message.deaths', spans)).toEqual([undefined, 2, 4, 6])
      expect(attribute('rabbitmq.message.last_death.reason', spans)).toEqual([
        undefined,
        'expired',
        'expired',
        'expired',
      ])
      // The second and third time round the time of death is that of the first.
      expect(attribute('waybill.transit.unknown', spans).slice(2)).toEqual(['dead_lettered', 'dead_lettered'])
      for (const wait of attribute('waybill.transit.time', spans).filter((time) => time !== undefined))
        expect(wait).toBeLessThan(2)
    })
  })

  test('rabbitmq-32: a delay by time to live is no wait: it is told apart', async () => {
    const work = await on.scratch.queue()
    const pause = await on.scratch.queue({ deadLetterExchange: '', deadLetterRoutingKey: work })
    const channel = await on.traced()
    await on.scratch.consume(channel, work, (message) => {
      channel.ack(message)
    })
    channel.sendToQueue(pause, Buffer.from('later'), { expiration: 1200 })
    const [span] = await on.spans(`consume ${work}`)
    const [transit] = on.named(`transit ${work}`)
    const age = Number(span?.attributes['waybill.message.age'])
    expect(age).toBeGreaterThanOrEqual(1.2)
    // The time of death is known to the second.
    expectBetween(Number(span?.attributes['waybill.transit.time']), 0, age - 1.2 + 1)
    expect(transit?.attributes).toMatchObject({
      'waybill.transit.scheduled_delay': 1.2,
      'waybill.transit.resolution': 1,
    })
  })

  test("rabbitmq-40: a producer without us: the broker's own stamp, where it has one", async () => {
    const [queue, channel] = [await on.scratch.queue(), await on.traced()]
    await on.put(await on.scratch.channel(), queue, 'a', {
      traceparent: `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01`,
    })
    await on.scratch.consume(channel, queue, (message) => {
      channel.ack(message)
    })
    const [span] = await on.spans(`consume ${queue}`)
    if (await stampsArrival(release!, on.scratch)) {
      expect(span?.attributes['waybill.transit.time']).toBeGreaterThanOrEqual(0)
      expect(attribute('waybill.transit.clock', on.named(`transit ${queue}`))).toEqual(['broker'])
    } else {
      expect(span?.attributes['waybill.transit.unknown']).toBe('no_timestamp')
      expect(on.named(`transit ${queue}`)).toEqual([])
    }
  })

  test('rabbitmq-39: a retry that copies all headers, deaths too, waits from its own publish', async () => {
    const dead = await on.scratch.queue()
    const queue = await on.scratch.queue({ deadLetterExchange: '', deadLetterRoutingKey: dead })
    const channel = await on.traced()
    await on.put(channel, queue)
    channel.reject((await channel.get(queue)) as GetMessage, false)
    const message = await until(async () => {
      const found = await channel.get(dead)
      expect(found).not.toBe(false)
      return found as GetMessage
    })
    const retry = traceHandler(
      async ({ content, properties }: GetMessage) => {
        channel.sendToQueue(dead, content, { headers: properties.headers })
        await channel.waitForConfirms()
      },
      { queue: dead },
    )
    await retry(message)
    channel.ack(message)
    await delay(30)
    await channel.get(dead, { noAck: true })
    const [, again] = await on.spans(`get ${dead}`, 2)
    expect(again?.attributes['waybill.transit.time']).toBeGreaterThanOrEqual(0.029)
    expect(again?.attributes['waybill.transit.time']).toBeLessThan(1)
    expect(again?.attributes).not.toHaveProperty('waybill.transit.resolution')
    expect(again?.attributes['rabbitmq.message.deaths']).toBe(1)
  })
}

/** A release beside that of this run, started for this file only. `undefined` where there is none, which is said. */
async function startRelease(name: 'rabbitmq-3.10' | 'rabbitmq-4.3'): Promise<Broker | undefined> {
  try {
    return await startBroker(name)
  } catch (error) {
    const { message: reason } = error as Error
    console.log(`✖ ${name}: ${reason}`)
    // Without an engine for containers there is only the one release that the distribution has. The newest is had from
    // a suite in development, which may have moved on.
    const isOwed = name === 'rabbitmq-3.10' && 'how' in current && current.how !== 'native'
    if (isOwed) requireBrokers([{ name, reason }])
    return undefined
  }
}

const current = inject('brokers').rabbitmq
const [oldest, newest] = await Promise.all([startRelease('rabbitmq-3.10'), startRelease('rabbitmq-4.3')])
afterAll(() => Promise.all([oldest?.stop(), newest?.stop()]))

describe.skipIf('missing' in current)('the release of this run', () => {
  behaviours('missing' in current ? undefined : current)
})
describe.skipIf(oldest === undefined)('the oldest release', () => {
  test('is RabbitMQ 3.10', () => {
    expect(oldest?.version).toMatch(/^3\.10\./)
  })
  behaviours(oldest)
})
describe.skipIf(newest === undefined)('the newest release', () => {
  test('is RabbitMQ 4.3', () => {
    expect(newest?.version).toMatch(/^4\.3\./)
  })
  behaviours(newest)
})
describe.skipIf(newest === undefined)('delayed retry of RabbitMQ 4.3', () => {
  const on = stage(newest?.url)

  test('rabbitmq-8, rabbitmq-33: each retry has its number, and none a wait: the backoff cannot be told from it', async () => {
    const retried = {
      'x-queue-type': 'quorum',
      'x-delayed-retry-type': 'all',
      'x-delayed-retry-min': 100,
      'x-delayed-retry-max': 400,
    }
    const [queue, channel] = [await on.scratch.queue({ arguments: retried }), await on.traced()]
    await on.put(channel, queue)
    let deliveries = 0
    await on.scratch.consume(channel, queue, (message) => {
      if (++deliveries < 3) channel.nack(message)
      else channel.ack(message)
    })
    const spans = await on.spans(`consume ${queue}`, 3)
    const [first, , last] = spans
    // The broker did hold the message back.
    expect(seconds(last!.startTime) - seconds(first!.startTime)).toBeGreaterThanOrEqual(0.2)
    expect(attempts(spans)).toEqual([1, 2, 3])
    expect(outcomes(spans)).toEqual(['requeue', 'requeue', 'ack'])
    expect(attribute(LOWER_BOUND, spans)).toEqual([undefined, undefined, undefined])
    expect(attribute('waybill.transit.unknown', spans)).toEqual([undefined, 'redelivered', 'redelivered'])
    for (const span of spans.slice(1)) expect(span.attributes).not.toHaveProperty('waybill.transit.time')
    expect(on.named(`transit ${queue}`)).toHaveLength(1)
  })
})
