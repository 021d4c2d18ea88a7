import { traceConsumer, traceProducer } from '@waybill/kafka'
import { Kafka, type Producer, type ProducerRecord } from 'kafkajs'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest'
import { expectBetween } from '../bounds.ts'
import { installSdk, type TestTelemetry } from '../telemetry.ts'
import { configOf, confluent } from './clients.ts'
import { startMockBroker, type MockBroker } from './mock-broker.ts'

const [PRODUCE, NOT_LEADER, TOO_LARGE] = [0, 6, 10]

// Its mock broker comes with what Confluent's client has built.
describe.skipIf(confluent.missing !== undefined)('a broker that fails', () => {
  let broker: MockBroker
  let telemetry: TestTelemetry
  const clients: { disconnect: () => Promise<void> }[] = []
  beforeAll(async () => {
    broker = await startMockBroker()
  })
  afterAll(() => broker.stop())
  beforeEach(() => {
    telemetry = installSdk()
  })
  afterEach(async () => {
    for (const client of clients.splice(0)) await client.disconnect()
    expect(telemetry.recorder.open).toEqual([])
    await telemetry.uninstall()
  })
  const kafka = (): Kafka =>
    new Kafka({ ...configOf(broker.url), retry: { initialRetryTime: 100, maxRetryTime: 200, retries: 5 } })
  async function connected<C extends { connect: () => Promise<void>; disconnect: () => Promise<void> }>(
    client: C,
  ): Promise<C> {
    await client.connect()
    clients.unshift(client)
    return client
  }
  const named = (name: string) => telemetry.recorder.spans.filter((span) => span.name === name)

  test('kafka-24: 3 injected produce errors show as client wait, not as broker wait', async () => {
    const consumer = await connected(
      traceConsumer(kafka().consumer({ groupId: 'errors', maxWaitTimeInMs: 20 })),
    )
    const producer = await connected(traceProducer(kafka().producer()))
    await producer.send({ topic: 'errors', messages: [{ value: 'warm', partition: 0 }] })
    await consumer.subscribe({ topic: 'errors', fromBeginning: true })
    await consumer.run({ eachMessage: () => Promise.resolve() })
    await vi.waitFor(() => expect(named('process errors')).toHaveLength(1), { timeout: 10_000 })
    await broker.fail(PRODUCE, NOT_LEADER, 3)
    const called = Date.now()
    await producer.send({ topic: 'errors', messages: [{ value: 'late', partition: 0 }] })
    const took = (Date.now() - called) / 1000
    expect(took).toBeGreaterThan(0.25)
    const late = await vi.waitFor(
      () => {
        const [, second] = named('process errors')
        expect(second).toBeDefined()
        return second
      },
      { timeout: 10_000 },
    )
    const wait = (name: string): number => Number(late?.attributes[`waybill.transit.${name}`])
    // The record's own time is that of the last attempt, and hides what came before.
    expectBetween(wait('client_wait'), 0.25, took)
    expect(wait('broker_wait')).toBeLessThan(wait('client_wait'))
    expect(wait('time')).toBeGreaterThanOrEqual(wait('client_wait'))
    const [, sent] = named('send errors')
    expect(sent?.attributes).not.toHaveProperty('error.type')
  })

  test('kafka-4: a fault that stays is rejected in the words of the client, and named as the broker does', async () => {
    const bare = await connected(kafka().producer())
    const traced = await connected(traceProducer(kafka().producer()))
    const rejection = async (producer: Producer): Promise<Error> => {
      await broker.fail(PRODUCE, TOO_LARGE, 1)
      return producer.send({ topic: 'large', messages: [{ value: 'a', partition: 0 }] }).then(
        () => expect.unreachable('resolved'),
        (error: Error) => error,
      )
    }
    await bare.send({ topic: 'large', messages: [{ value: 'warm', partition: 0 }] })
    const [theirs, ours] = [await rejection(bare), await rejection(traced)]
    expect([ours.name, ours.message]).toEqual([theirs.name, theirs.message])
    const [span] = named('send large')
    expect(span?.attributes['error.type']).toBe('MESSAGE_TOO_LARGE')
    const [series] = await telemetry.series('messaging.client.operation.duration')
    expect(series?.attributes['error.type']).toBe('MESSAGE_TOO_LARGE')
  })

  test('kafka-19: no headers once a version of Produce was negotiated that knows none', async () => {
    const old = await startMockBroker()
    try {
      await old.offer(PRODUCE, 0, 2)
      const made = new Kafka(configOf(old.url)).producer()
      const given: ProducerRecord[] = []
      const send = made.send.bind(made)
      made.send = (record) => {
        given.push(record)
        return send(record)
      }
      const producer = traceProducer(made)
      await producer.connect()
      for (const value of ['a', 'b'])
        await producer.send({ topic: 'old', messages: [{ value, partition: 0 }] })
      await producer.disconnect()
      const names = given.map(({ messages }) => Object.keys(messages[0]?.headers ?? {}))
      expect(names).toEqual([['traceparent', 'waybill'], []])
      expect(named('send old')).toHaveLength(2)
    } finally {
      await old.stop()
    }
  })
})
