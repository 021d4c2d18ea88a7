import { setTimeout as delay } from 'node:timers/promises'
import { SpanKind } from '@opentelemetry/api'
import { traceConsumer } from '@waybill/kafka'
import type { EachBatchPayload } from 'kafkajs'
import { describe, expect, test, vi } from 'vitest'
import { kafkajs, libraries } from './clients.ts'
import { brokerMissing, brokerUrl, idOf, inRequest, parentOf, workbench } from './workbench.ts'

describe.skipIf(brokerMissing).each(libraries)('what spans and metrics say: $name', (library) => {
  const bench = workbench(library)

  test('kafka-32: offset an int, group and client id without being told, units, consumed once per delivery', async () => {
    const topic = await bench.scratch.topic()
    const sender = await bench.producer({ clusterId: 'c1' })
    for (const value of ['a', 'b']) await sender.send({ topic, messages: [{ value }] })
    let calls = 0
    await bench.scratch.run(await bench.consumer({ clusterId: 'c1' }), topic, async () => {
      if (++calls === 2) throw new RangeErrorOfOurs('not yet')
    })
    const handled = await bench.spans(`process ${topic}`, 3)
    const sent = await bench.spans(`send ${topic}`, 2)
    expect(handled.map(({ attributes }) => attributes['kafka.offset'])).toEqual([0, 1, 1])
    for (const span of [...sent, ...handled]) {
      expect(span.attributes).toMatchObject({
        'messaging.system.name': 'kafka',
        'messaging.system': 'kafka',
        'messaging.destination.name': topic,
        'messaging.client.id': library.name,
        'messaging.destination.partition.id': '0',
        'kafka.cluster.id': 'c1',
      })
      expect(span.instrumentationScope).toMatchObject({ name: '@waybill/kafka' })
    }
    for (const span of handled) {
      expect(span.kind).toBe(SpanKind.CONSUMER)
      expect(span.attributes['messaging.consumer.group.name']).toBe(bench.scratch.groupId)
      expect(span.attributes['messaging.operation.type']).toBe('process')
    }
    const failed = handled[1]
    expect(failed?.attributes['error.type']).toBe('RangeErrorOfOurs')
    expect(failed?.events[0]?.attributes?.['exception.stacktrace']).toContain('RangeErrorOfOurs')
    const consumed = await bench.telemetry.series('messaging.client.consumed.messages')
    const counts = consumed.map(({ value, attributes }) => [attributes['error.type'] ?? 'none', value])
    expect(Object.fromEntries(counts)).toEqual({ none: 2, RangeErrorOfOurs: 1 })
    expect(consumed[0]?.unit).toBe('{message}')
    expect(consumed[0]?.attributes['messaging.consumer.group.name']).toBe(bench.scratch.groupId)
    for (const name of [
      'messaging.client.operation.duration',
      'messaging.process.duration',
      'waybill.transit.duration',
    ])
      expect((await bench.telemetry.series(name))[0]?.unit).toBe('s')
  })

  test('kafka-33: tombstones and empty values pass; keys only on request, and only valid UTF-8', async () => {
    const topic = await bench.scratch.topic()
    const messages = [
      { key: 'a secret', value: null },
      { key: Buffer.from([0xff, 0xfe]), value: '' },
      { value: 'no key' },
    ]
    const plain = await bench.producer()
    await plain.send({ topic, messages: [{ key: 'a secret', value: 'x' }] })
    const sender = await bench.producer({ messageKeys: (key) => key.replace('secret', '***') })
    for (const message of messages) await sender.send({ topic, messages: [message] })
    const values: (Buffer | null)[] = []
    await bench.scratch.run(await bench.consumer({ messageKeys: true }), topic, async ({ message }) => {
      values.push(message.value)
    })
    const handled = await bench.spans(`process ${topic}`, 4)
    const sent = await bench.spans(`send ${topic}`, 4)
    expect(values.map((value) => value?.toString())).toEqual(['x', undefined, '', 'no key'])
    const keys = [sent, handled].map((spans) =>
      spans.map(({ attributes }) => attributes['kafka.message.key']),
    )
    expect(keys).toEqual([
      [undefined, 'a ***', undefined, undefined],
      ['a secret', 'a secret', undefined, undefined],
    ])
    const tombstones = [sent, handled].map((spans) =>
      spans.map(({ attributes }) => attributes['kafka.message.tombstone']),
    )
    expect(tombstones).toEqual(Array(2).fill([undefined, true, undefined, undefined]))
    expect(Object.values(sent[0]?.attributes ?? {})).not.toContain('a secret')
  })

  test('kafka-31: the lag gauge is what the client gives: high watermark - 1 - last offset of the batch', async () => {
    const topic = await bench.scratch.topic()
    const sender = await bench.producer()
    await sender.send({ topic, messages: Array.from({ length: 5 }, () => ({ value: 'x' })) })
    const batches: EachBatchPayload['batch'][] = []
    const [held, release] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
    await bench.scratch.run(await bench.consumer(), topic, {
      eachBatch: async ({ batch }) => {
        batches.push(batch)
        held.resolve()
        await release.promise
      },
    })
    await held.promise
    const [gauge] = await bench.telemetry.series('waybill.consumer.lag')
    const [batch] = batches as [EachBatchPayload['batch']]
    expect(gauge?.value).toBe(Number(batch.offsetLag()))
    if (library === kafkajs)
      expect(gauge?.value).toBe(Number(batch.highWatermark) - 1 - Number(batch.lastOffset()))
    expect(gauge).toMatchObject({
      unit: '{message}',
      attributes: {
        'messaging.destination.name': topic,
        'messaging.destination.partition.id': '0',
        'messaging.consumer.group.name': bench.scratch.groupId,
      },
    })
    release.resolve()
    await vi.waitFor(() => expect(bench.telemetry.recorder.open).toEqual([]))
  })

  test('kafka-7: what the client does not have never makes traceConsumer throw', async () => {
    const made = library.consumer(brokerUrl, { groupId: 'none' })
    if (library !== kafkajs) {
      expect(() => made.on('consumer.crash', () => undefined)).toThrow('Not implemented')
      expect(() => made.events).toThrow('Not implemented')
    }
    expect(traceConsumer(made, { events: true })).toBe(made)
    const topic = await bench.scratch.topic()
    const bare = await bench.scratch.producer()
    // Without headers Confluent's client gives none at all, and '' as a time that is not there.
    await bare.send({ topic, messages: [{ value: 'a' }] })
    await bench.scratch.run(await bench.consumer(), topic, () => Promise.resolve())
    const [handled] = await bench.spans(`process ${topic}`, 1)
    expect(handled?.attributes['waybill.root.reason']).toBe('no_carrier')
    expect(parentOf(handled)).toBeUndefined()
  })
})

class RangeErrorOfOurs extends Error {
  override readonly name = 'RangeErrorOfOurs'
}

describe.skipIf(brokerMissing)('what happens to a kafkajs consumer', () => {
  const bench = workbench(kafkajs)

  test('kafka-32: the server that answered the last fetch', async () => {
    const topic = await bench.scratch.topic()
    await (await bench.producer()).send({ topic, messages: [{ value: 'a' }] })
    await bench.scratch.run(await bench.consumer(), topic, () => Promise.resolve())
    const [host, port] = brokerUrl.split(':')
    for (const name of ['process', 'send']) {
      const [span] = await bench.spans(`${name} ${topic}`, 1)
      expect(span?.attributes).toMatchObject({ 'server.address': host, 'server.port': Number(port) })
    }
  })

  test('kafka-35: commits, rebalances and crashes as events, by option', async () => {
    const topic = await bench.scratch.topic()
    await (await bench.producer()).send({ topic, messages: [{ value: 'a' }] })
    const { groupId } = bench.scratch
    const reader = await bench.scratch.connected(
      traceConsumer(
        bench.scratch.kafka.consumer({
          groupId,
          maxWaitTimeInMs: 50,
          sessionTimeout: 6000,
          retry: { initialRetryTime: 5, retries: 0 },
        }),
        { events: true },
      ),
    )
    let calls = 0
    // Started within a span of the application: what happens later is not part of that.
    const { traceId } = await inRequest(() =>
      bench.scratch.run(reader, topic, async () => {
        if (++calls === 1) throw new Error('not yet')
      }),
    )
    await bench.spans(`process ${topic}`, 2)
    const [crash] = await bench.spans(`kafka.crash ${groupId}`, 1)
    const rebalances = await bench.spans(`kafka.rebalance ${groupId}`, 2)
    const commit = await vi.waitFor(() => {
      const [first] = bench.named(`kafka.commit ${groupId}`)
      expect(first).toBeDefined()
      return first
    })
    expect(crash?.attributes).toMatchObject({
      'waybill.kafka.restarts': true,
      'messaging.consumer.group.name': groupId,
    })
    expect(crash?.events[0]?.attributes?.['exception.message']).toContain('not yet')
    for (const span of rebalances) {
      expect(span.attributes['waybill.kafka.assigned']).toEqual([`${topic}[0]`])
      expect(parentOf(span)).toBeUndefined()
      expect(span.spanContext().traceId).not.toBe(traceId)
    }
    expect(commit?.attributes['waybill.kafka.committed']).toEqual([`${topic}[0]@1`])
  })

  test('kafka-35: a commit that a handler makes is an event of its span; without the option there is none', async () => {
    const [told, untold] = [await bench.scratch.topic(), await bench.scratch.topic()]
    const sender = await bench.producer()
    for (const [topic, events] of [
      [told, true],
      [untold, false],
    ] as const) {
      await sender.send({ topic, messages: [{ value: 'a' }] })
      const reader = await bench.consumer({ events }, { groupId: `group-${topic}` })
      await bench.scratch.run(reader, topic, {
        autoCommit: false,
        eachMessage: async ({ partition, message }) => {
          await reader.commitOffsets([{ topic, partition, offset: String(Number(message.offset) + 1) }])
        },
      })
    }
    const [one] = await bench.spans(`process ${told}`, 1)
    const [other] = await bench.spans(`process ${untold}`, 1)
    expect(one?.events.map(({ name }) => name)).toEqual(['kafka.commit'])
    expect(other?.events).toEqual([])
    expect(bench.telemetry.recorder.spans.filter(({ name }) => name.includes(`group-${untold}`))).toEqual([])
  })

  test('kafka-35: two members: after a rebalance nothing is lost, and attempts begin anew on another member', async () => {
    const topic = await bench.scratch.topic('CreateTime', 2)
    const sender = await bench.producer()
    const send = (value: string): Promise<unknown> =>
      sender.send({
        topic,
        messages: [0, 1].map((partition) => ({ value: `${value}${partition}`, partition })),
      })
    await send('a')
    const handled: { member: number; value: string }[] = []
    let failing = true
    const member = async (number: number) => {
      const reader = await bench.scratch.connected(
        traceConsumer(
          bench.scratch.kafka.consumer({
            groupId: bench.scratch.groupId,
            maxWaitTimeInMs: 50,
            heartbeatInterval: 100,
            sessionTimeout: 6000,
            rebalanceTimeout: 3000,
            retry: { initialRetryTime: 30, maxRetryTime: 60, retries: 1000 },
          }),
        ),
      )
      await bench.scratch.run(reader, topic, {
        partitionsConsumedConcurrently: 2,
        eachMessage: async ({ partition, message }) => {
          const value = String(message.value)
          // One partition cannot be handled until the other member has come.
          if (failing && partition === 1) throw new Error('not yet')
          handled.push({ member: number, value })
        },
      })
      return reader
    }
    await member(1)
    await vi.waitFor(
      () => {
        const attempts = bench
          .named(`process ${topic}`)
          .map(({ attributes }) => attributes['waybill.delivery.attempt'])
        expect(attempts).toContain(3)
      },
      { timeout: 10_000 },
    )
    await member(2)
    failing = false
    await send('b')
    await vi.waitFor(
      () => expect(new Set(handled.map(({ value }) => value))).toEqual(new Set(['a0', 'a1', 'b0', 'b1'])),
      {
        timeout: 15_000,
      },
    )
    expect(new Set(handled.map((one) => one.member))).toEqual(new Set([1, 2]))
    await delay(50)
    // On whichever member partition 1 is now: a first delivery there if that is the other one.
    const last = bench
      .named(`process ${topic}`)
      .findLast(
        ({ attributes, status }) =>
          attributes['kafka.offset'] === 0 &&
          attributes['messaging.destination.partition.id'] === '1' &&
          status.code === 0,
      )
    const moved = handled.find(({ value }) => value === 'a1')?.member === 2
    if (moved) expect(last?.attributes['waybill.delivery.attempt']).toBe(1)
    else expect(last?.attributes['waybill.transit.unknown']).toBe('redelivered')
    const sent = await bench.spans(`send ${topic}`, 2)
    expect(sent.map(idOf)).toContain(parentOf(last))
    expect(bench.telemetry.recorder.open).toEqual([])
  })
})
