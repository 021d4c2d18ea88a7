import { setTimeout as delay } from 'node:timers/promises'
import { requireBrokers, startKafkaCluster, type Broker, type MissingBroker } from '@waybill/brokers'
import { traceConsumer, traceProducer } from '@waybill/kafka'
import { Kafka } from 'kafkajs'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest'
import { expectBetween, timed } from '../bounds.ts'
import { histogram, installSdk, type TestTelemetry } from '../telemetry.ts'
import { configOf } from './clients.ts'
import { brokerMissing, seconds } from './workbench.ts'

describe.skipIf(brokerMissing)('a cluster of three brokers', () => {
  let nodes: readonly Broker[] = []
  let telemetry: TestTelemetry
  let missing: MissingBroker[] = []
  beforeAll(async () => {
    try {
      nodes = await startKafkaCluster(3)
    } catch (error) {
      missing = [{ name: 'kafka', reason: (error as Error).message }]
      requireBrokers(missing)
    }
  })
  afterAll(() => Promise.all(nodes.map((node) => node.stop())))
  beforeEach(() => {
    telemetry = installSdk()
  })
  afterEach(() => telemetry.uninstall())

  test('kafka-35: the leader is stopped mid-flow: nothing lost, started = ended, waits that are true', async ({
    skip,
  }) => {
    if (missing[0] !== undefined) skip(missing[0].reason)
    const kafka = new Kafka({
      ...configOf(nodes.map(({ url }) => url).join(',')),
      retry: { initialRetryTime: 50, maxRetryTime: 500, retries: 40 },
    })
    const topic = 'orders'
    const [admin, producer] = [kafka.admin(), traceProducer(kafka.producer({ idempotent: true }))]
    const consumer = traceConsumer(
      kafka.consumer({
        groupId: 'billing',
        maxWaitTimeInMs: 50,
        sessionTimeout: 6000,
        rebalanceTimeout: 6000,
      }),
      { transitSpan: { minMs: 0 } },
    )
    await admin.connect()
    await admin.createTopics({
      topics: [{ topic, numPartitions: 1, replicationFactor: 3 }],
      waitForLeaders: true,
    })
    const leaderOf = async (): Promise<number | undefined> =>
      (await admin.fetchTopicMetadata({ topics: [topic] })).topics[0]?.partitions[0]?.leader
    const before = await leaderOf()

    await Promise.all([producer.connect(), consumer.connect()])
    const reached = new Set<string>()
    await consumer.subscribe({ topic, fromBeginning: true })
    await consumer.run({
      eachMessage: async ({ message }) => {
        reached.add(String(message.value))
      },
    })
    const stamps: (readonly [called: number, stamped: number])[] = []
    const values = Array.from({ length: 60 }, (_, i) => String(i))
    for (const value of values) {
      // Not between two sends but under one: it has to find the new leader.
      const stopping = value === '20' ? nodes[(before ?? 1) - 1]?.stop() : undefined
      stamps.push(await timed(() => producer.send({ topic, acks: -1, messages: [{ value }] })))
      await Promise.all([stopping, delay(5)])
    }
    await vi.waitFor(() => expect(reached.size).toBe(values.length), { timeout: 30_000, interval: 20 })
    expect(await leaderOf()).not.toBe(before)
    await Promise.all([consumer.disconnect(), producer.disconnect(), admin.disconnect()])

    const { spans, started, open } = telemetry.recorder
    expect(open).toEqual([])
    expect(spans).toHaveLength(started)
    const handled = spans.filter(({ name }) => name === `process ${topic}`)
    expect(spans.filter(({ name }) => name === `send ${topic}`)).toHaveLength(values.length)
    // Sent one after the other without a double, so that the offset is the number. What was not committed when its
    // coordinator went may be delivered again.
    const waits = stamps.map(([called, stamped], i) => {
      const own = handled.find(({ attributes }) => attributes['kafka.offset'] === i)
      const wait = Number(own?.attributes['waybill.transit.time'])
      const start = seconds(own?.startTime)
      expectBetween(wait, start - stamped, start - called)
      return wait
    })
    // Whether one had to wait for an election depends on how the broker goes; the longest wait is told in any case.
    const [series] = await telemetry.series('waybill.transit.duration')
    expect(histogram(series).max).toBeCloseTo(Math.max(...waits), 6)
  }, 60_000)
})
