import { setTimeout as delay } from 'node:timers/promises'
import { traceProducer } from '@waybill/kafka'
import type { RecordedSpan } from '@waybill/core/testing'
import { describe, expect, test, vi } from 'vitest'
import { expectBetween, timed } from '../bounds.ts'
import { histogram } from '../telemetry.ts'
import { kafkajs, libraries } from './clients.ts'
import { brokerMissing, idOf, parentOf, seconds, workbench } from './workbench.ts'

const TRACEPARENT = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'
const wait = (span: RecordedSpan | undefined, name = 'time'): number =>
  Number(span?.attributes[`waybill.transit.${name}`] ?? Number.NaN)

describe.skipIf(brokerMissing).each(libraries)('the wait: $name', (library) => {
  const bench = workbench(library)

  test('kafka-24: span and histogram in seconds, from the call of send to the handler', async () => {
    const topic = await bench.scratch.topic()
    const sender = await bench.producer()
    const [called, stamped] = await timed(() => sender.send({ topic, messages: [{ value: 'a' }] }))
    await delay(60)
    await bench.scratch.run(await bench.consumer(), topic, () => Promise.resolve())
    const [handled] = await bench.spans(`process ${topic}`, 1)
    const [transit] = await bench.spans(`transit ${topic}`, 1)
    const [sent] = await bench.spans(`send ${topic}`, 1)
    const reached = seconds(handled?.startTime)
    expectBetween(wait(handled), reached - stamped, reached - called)
    expect(parentOf(transit)).toBe(idOf(sent))
    expect(seconds(transit?.endTime) - seconds(transit?.startTime)).toBeCloseTo(wait(handled), 5)
    expect(transit?.attributes['waybill.transit.clock']).toBe('producer')
    const [series] = await bench.telemetry.series('waybill.transit.duration')
    expect(series).toMatchObject({ unit: 's', value: { count: 1, sum: wait(handled) } })
  })

  test.each(['LogAppendTime', 'CreateTime'] as const)(
    "kafka-25: without our header the record's %s counts, within 5 ms of what the broker kept",
    async (timestampType) => {
      const topic = await bench.scratch.topic(timestampType)
      const bare = await bench.scratch.producer()
      await bare.send({ topic, messages: [{ value: 'a', headers: { traceparent: TRACEPARENT } }] })
      await delay(30)
      let stamped = 0
      await bench.scratch.run(await bench.consumer(), topic, async ({ message }) => {
        stamped = Number(message.timestamp)
      })
      const [handled] = await bench.spans(`process ${topic}`, 1)
      const [transit] = await bench.spans(`transit ${topic}`, 1)
      expect(wait(handled)).toBeGreaterThanOrEqual(0.029)
      expect(Math.abs(wait(handled) - (seconds(handled?.startTime) - stamped / 1000))).toBeLessThan(0.005)
      // Confluent's client does not pass on whose clock it was: no guess.
      const clock = { LogAppendTime: 'broker', CreateTime: 'producer' }[timestampType]
      expect(transit?.attributes['waybill.transit.clock']).toBe(library === kafkajs ? clock : undefined)
    },
  )

  const minute = 60_000
  test.each([
    ['event time far in the past', () => String(Date.now() - 31 * 24 * 60 * minute), 'no_timestamp'],
    ['event time an hour ago', () => String(Date.now() - 60 * minute), 3600],
    ['a little in the future', () => String(Date.now() + 5 * minute), 'skew'],
  ])('kafka-26: without our header, %s', async (_, timestamp, expected) => {
    const topic = await bench.scratch.topic()
    const bare = await bench.scratch.producer()
    await bare.send({ topic, messages: [{ value: 'a', timestamp: timestamp() }] })
    await bench.scratch.run(await bench.consumer(), topic, () => Promise.resolve())
    const [handled] = await bench.spans(`process ${topic}`, 1)
    const skewed = await bench.telemetry.series('waybill.transit.clock_skew')
    expect(skewed.map(({ value }) => value)).toEqual(expected === 'skew' ? [1] : [])
    if (typeof expected === 'number') expect(wait(handled)).toBeCloseTo(expected, 0)
    else expect(handled?.attributes).not.toHaveProperty('waybill.transit.time')
    const unknown = handled?.attributes['waybill.transit.unknown']
    expect(unknown).toBe(expected === 'no_timestamp' ? expected : undefined)
  })

  test("kafka-26: an event time of the application's is no wait where our header is there, and no part of one", async () => {
    const topic = await bench.scratch.topic()
    const sender = await bench.producer()
    const called = Date.now()
    const times = [called - 10 * minute, called, called + 2]
    await sender.send({ topic, messages: times.map((time) => ({ value: 'a', timestamp: String(time) })) })
    await bench.scratch.run(await bench.consumer(), topic, () => Promise.resolve())
    for (const handled of await bench.spans(`process ${topic}`, 3)) {
      expect(wait(handled)).toBeLessThan(9)
      expect(handled.attributes).not.toHaveProperty('waybill.transit.client_wait')
      expect(handled.attributes).not.toHaveProperty('waybill.transit.broker_wait')
    }
  })

  test.each([
    ['ahead', 5 * minute, 1],
    ['behind', -5 * minute, 0],
  ])("kafka-26: the producer's clock is %s: never a negative wait", async (_, offset, skewed) => {
    const topic = await bench.scratch.topic()
    const sender = await bench.scratch.producer((made) =>
      traceProducer(made, { now: () => Date.now() + offset }),
    )
    await sender.send({ topic, messages: [{ value: 'a' }] })
    await bench.scratch.run(await bench.consumer(), topic, () => Promise.resolve())
    const [handled] = await bench.spans(`process ${topic}`, 1)
    const counted = await bench.telemetry.series('waybill.transit.clock_skew')
    expect(counted.map(({ value }) => value)).toEqual(skewed === 1 ? [1] : [])
    if (skewed === 1) {
      expect(handled?.attributes).not.toHaveProperty('waybill.transit.time')
      expect(bench.named(`transit ${topic}`)).toEqual([])
    } else expect(wait(handled)).toBeGreaterThan(299)
  })

  test('kafka-28: attempts 1, 2, 3 on siblings; backoff is in no histogram', async () => {
    const topic = await bench.scratch.topic()
    await (await bench.producer()).send({ topic, messages: [{ value: 'a' }, { value: 'b' }] })
    let calls = 0
    await bench.scratch.run(await bench.consumer(), topic, async () => {
      if (++calls <= 2) throw new Error('not yet')
    })
    const all = await bench.spans(`process ${topic}`, 4)
    const [sent] = await bench.spans(`send ${topic}`, 1)
    expect(all.map(parentOf)).toEqual(Array(4).fill(idOf(sent)))
    expect(all.map(({ attributes }) => attributes['waybill.delivery.attempt'])).toEqual([1, 2, 3, 1])
    const unknown = all.map(({ attributes }) => attributes['waybill.transit.unknown'])
    expect(unknown).toEqual([undefined, 'redelivered', 'redelivered', undefined])
    expect(all[1]?.attributes['waybill.message.age']).toBeGreaterThan(0)
    expect(all[1]?.attributes).not.toHaveProperty('waybill.transit.local_wait')
    expect(bench.named(`transit ${topic}`)).toHaveLength(2)
    const [transit] = await bench.telemetry.series('waybill.transit.duration')
    expect(transit?.value).toMatchObject({ count: 2 })
  })

  test('kafka-29: seek back: wait unknown, a new trace that links the old one', async () => {
    const topic = await bench.scratch.topic()
    await (await bench.producer()).send({ topic, messages: [{ value: 'a' }, { value: 'b' }] })
    const reader = await bench.consumer()
    await bench.scratch.run(reader, topic, () => Promise.resolve())
    await bench.spans(`process ${topic}`, 2)
    reader.seek({ topic, partition: 0, offset: '0' })
    const replayed = (await bench.spans(`process ${topic}`, 4)).slice(2)
    const [sent] = await bench.spans(`send ${topic}`, 1)
    for (const span of replayed) {
      expect(span.attributes['waybill.transit.unknown']).toBe('replayed')
      expect(parentOf(span)).toBeUndefined()
      expect(span.links.map((link) => link.context.spanId)).toEqual([idOf(sent)])
    }
    const [transit] = await bench.telemetry.series('waybill.transit.duration')
    expect(transit?.value).toMatchObject({ count: 2 })
  })

  test('kafka-29: a replay that only the user knows of, by option', async () => {
    const topic = await bench.scratch.topic()
    await (await bench.producer()).send({ topic, messages: [{ value: 'a' }, { value: 'b' }] })
    const reader = await bench.consumer({ replay: ({ offset }) => offset === '0' })
    await bench.scratch.run(reader, topic, () => Promise.resolve())
    const all = await bench.spans(`process ${topic}`, 2)
    expect(all.map(({ attributes }) => attributes['waybill.transit.unknown'])).toEqual([
      'replayed',
      undefined,
    ])
    const [transit] = await bench.telemetry.series('waybill.transit.duration')
    expect(transit?.value).toMatchObject({ count: 1 })
  })
})

describe.skipIf(brokerMissing)('the wait: kafkajs alone', () => {
  const bench = workbench(kafkajs)

  test('kafka-27: the third message of a slow batch shows its wait behind the others, on one clock', async () => {
    const topic = await bench.scratch.topic()
    await (await bench.producer()).send({ topic, messages: ['a', 'b', 'c'].map((value) => ({ value })) })
    await bench.scratch.run(await bench.consumer(), topic, () => delay(40))
    const all = await bench.spans(`process ${topic}`, 3)
    const [first, , third] = all
    const behind = seconds(third?.startTime) - seconds(first?.startTime)
    expect(behind).toBeGreaterThanOrEqual(0.078)
    expect(wait(third, 'local_wait') - wait(first, 'local_wait')).toBeCloseTo(behind, 2)
    // The parts are what the whole is made of.
    for (const span of all) {
      const parts = wait(span, 'client_wait') + wait(span, 'broker_wait') + wait(span, 'local_wait')
      expect(parts).toBeCloseTo(wait(span), 3)
    }
  })

  test('kafka-27: in a batch, the message that is run last waits for the others', async () => {
    const topic = await bench.scratch.topic()
    await (await bench.producer()).send({ topic, messages: ['a', 'b'].map((value) => ({ value })) })
    const { runMessage } = await import('@waybill/kafka')
    await bench.scratch.run(await bench.consumer(), topic, {
      eachBatch: async ({ batch }) => {
        for (const message of batch.messages) await runMessage(message, () => delay(40))
      },
    })
    const all = await bench.spans(`process ${topic}`, 3)
    const own = all.filter(({ attributes }) => attributes['kafka.offset'] !== undefined)
    expect(wait(own[1], 'local_wait') - wait(own[0], 'local_wait')).toBeGreaterThanOrEqual(0.038)
  })

  test('kafka-27: clocks of others do not touch it', async () => {
    const topic = await bench.scratch.topic()
    const sender = await bench.scratch.producer((made) =>
      traceProducer(made, { now: () => Date.now() + 5 * 60_000 }),
    )
    await sender.send({ topic, messages: [{ value: 'a' }, { value: 'b' }] })
    await bench.scratch.run(await bench.consumer(), topic, () => delay(30))
    const [, second] = await bench.spans(`process ${topic}`, 2)
    expect(second?.attributes).not.toHaveProperty('waybill.transit.time')
    expect(wait(second, 'local_wait')).toBeGreaterThanOrEqual(0.028)
  })

  test.each([
    ['no wait recorded', '0'],
    ['one before the epoch', '-1'],
  ])('kafka-26: a timestamp of %s: unknown', async (_, timestamp) => {
    const topic = await bench.scratch.topic()
    const bare = await bench.scratch.producer()
    await bare.send({ topic, messages: [{ value: 'a', timestamp }] })
    await bench.scratch.run(await bench.consumer(), topic, () => Promise.resolve())
    const [handled] = await bench.spans(`process ${topic}`, 1)
    expect(handled?.attributes['waybill.transit.unknown']).toBe('no_timestamp')
  })

  test('kafka-25: LogAppendTime splits the wait even where no header tells when it was sent', async () => {
    const topic = await bench.scratch.topic('LogAppendTime')
    const bare = await bench.scratch.producer()
    await bare.send({ topic, messages: [{ value: 'a' }] })
    await delay(30)
    await bench.scratch.run(await bench.consumer(), topic, () => Promise.resolve())
    const [handled] = await bench.spans(`process ${topic}`, 1)
    expect(wait(handled, 'broker_wait')).toBeGreaterThanOrEqual(0.029)
    expect(handled?.attributes).not.toHaveProperty('waybill.transit.client_wait')
  })

  test('kafka-28: what comes again because it was not committed is redelivered, not new', async () => {
    const topic = await bench.scratch.topic()
    await (await bench.producer()).send({ topic, messages: [{ value: 'a' }] })
    const reader = await bench.consumer()
    const config = { autoCommit: false, eachMessage: () => Promise.resolve() }
    await bench.scratch.run(reader, topic, config)
    await bench.spans(`process ${topic}`, 1)
    await reader.stop()
    await bench.scratch.run(reader, topic, config)
    const [first, second] = await bench.spans(`process ${topic}`, 2)
    expect(second?.attributes['waybill.transit.unknown']).toBe('redelivered')
    expect(parentOf(second)).toBe(parentOf(first))
  })

  test('kafka-30: the age of the journey over two topics and a dead-letter topic', async () => {
    const [orders, bills, dead] = [
      await bench.scratch.topic(),
      await bench.scratch.topic(),
      await bench.scratch.topic(),
    ]
    const sender = await bench.producer()
    const { forwardMessage } = await import('@waybill/kafka')
    const reader = await bench.consumer()
    for (const topic of [bills, dead]) await reader.subscribe({ topic, fromBeginning: true })
    await bench.scratch.run(reader, orders, async ({ topic, partition, message }) => {
      await delay(40)
      if (topic === orders) await sender.send({ topic: bills, messages: [{ value: 'bill' }] })
      if (topic === bills)
        await sender.send({ topic: dead, messages: [forwardMessage({ topic, partition, message })] })
    })
    const [called, stamped] = await timed(() =>
      sender.send({ topic: orders, messages: [{ value: 'order' }] }),
    )
    const [last] = await bench.spans(`process ${dead}`, 1)
    const journeys = await bench.telemetry.series('waybill.journey.duration')
    const ages = Object.fromEntries(
      journeys.map((series) => [series.attributes['messaging.destination.name'], histogram(series).sum]),
    )
    const reached = seconds(last?.startTime)
    expectBetween(ages[dead] ?? Number.NaN, reached - stamped, reached - called)
    expect(ages[dead]).toBeGreaterThan((ages[bills] ?? Number.NaN) + 0.039)
    expect(ages[bills]).toBeGreaterThan((ages[orders] ?? Number.NaN) + 0.039)
    expect(new Set(bench.telemetry.recorder.spans.map((span) => span.spanContext().traceId)).size).toBe(1)
    await vi.waitFor(() => expect(bench.telemetry.recorder.open).toEqual([]))
  })
})
