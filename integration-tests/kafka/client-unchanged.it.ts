import { setTimeout as delay } from 'node:timers/promises'
import { SpanStatusCode } from '@opentelemetry/api'
import { traceConsumer, traceProducer } from '@waybill/kafka'
import type { EachBatchPayload, EachMessagePayload, Producer } from 'kafkajs'
import { describe, expect, test, vi } from 'vitest'
import { confluent, kafkajs, libraries } from './clients.ts'
import { brokerMissing, workbench } from './workbench.ts'

describe.skipIf(brokerMissing).each(libraries)('the client is as it was: $name', (library) => {
  const bench = workbench(library)
  const committed = async (topic: string): Promise<string | undefined> => {
    const { scratch } = bench
    const [offsets] = await scratch.admin.fetchOffsets({ groupId: scratch.groupId, topics: [topic] })
    return offsets?.partitions[0]?.offset
  }

  test('kafka-1: one handler at a time, and nothing is committed before it settles', async () => {
    const topic = await bench.scratch.topic()
    const values = ['a', 'b', 'c', 'd']
    await (await bench.producer()).send({ topic, messages: values.map((value) => ({ value })) })
    const [handled, release]: [string[], PromiseWithResolvers<void>] = [[], Promise.withResolvers()]
    let [running, most] = [0, 0]
    await bench.scratch.run(await bench.consumer(), topic, async ({ message }) => {
      most = Math.max(most, ++running)
      handled.push(String(message.value))
      await release.promise
      await delay(5)
      running--
    })
    await vi.waitFor(() => expect(handled).toEqual(['a']), { timeout: 5000 })
    // It is held up long enough for a second one, or a commit, to come if they could.
    await delay(150)
    expect(handled).toEqual(['a'])
    expect(['-1', '0']).toContain(await committed(topic))
    release.resolve()
    await bench.spans(`process ${topic}`, 4)
    expect(handled).toEqual(values)
    expect(most).toBe(1)
  })

  test('kafka-1: a rejected handler gets its message again; nothing is lost', async () => {
    const topic = await bench.scratch.topic()
    await (await bench.producer()).send({ topic, messages: ['a', 'b', 'c'].map((value) => ({ value })) })
    const handled: string[] = []
    let failures = 0
    await bench.scratch.run(await bench.consumer(), topic, async ({ message }) => {
      const value = String(message.value)
      if (value === 'b' && failures++ < 1) throw new Error('not yet')
      handled.push(value)
    })
    await bench.spans(`process ${topic}`, 4)
    expect(handled).toEqual(['a', 'b', 'c'])
  })

  test.each([
    ['a string', 'not yet'],
    ['an error', new Error('not yet')],
  ])(
    'kafka-2: the client gets the very value that the handler throws, and tries again: %s',
    async (_, thrown) => {
      const topic = await bench.scratch.topic()
      const caught: unknown[] = []
      const consumer = await bench.scratch.consumer((made) => {
        const run = made.run.bind(made)
        // Between the client and us: what our handler rejects with is what the client gets.
        made.run = ({ eachMessage, ...config } = {}) =>
          run({
            ...config,
            eachMessage: async (payload) => {
              try {
                await eachMessage?.(payload)
              } catch (error) {
                caught.push(error)
                throw error
              }
            },
          })
        return traceConsumer(made)
      })
      await (await bench.producer()).send({ topic, messages: [{ value: 'a' }] })
      let calls = 0
      await bench.scratch.run(consumer, topic, async () => {
        if (++calls === 1) throw thrown
      })
      const [failed, again] = await bench.spans(`process ${topic}`, 2)
      expect(failed?.status.code).toBe(SpanStatusCode.ERROR)
      expect(failed?.attributes['error.type']).toBe(typeof thrown === 'string' ? 'string' : 'Error')
      expect(again?.attributes['waybill.delivery.attempt']).toBe(2)
      expect(caught).toHaveLength(1)
      expect(caught[0]).toBe(thrown)
    },
  )

  test('kafka-5: handlers that throw at once, or return nothing to wait for: each span ends once', async () => {
    const topic = await bench.scratch.topic()
    await (await bench.producer()).send({ topic, messages: [{ value: 'a' }, { value: 'b' }] })
    let calls = 0
    const handler = ((): undefined => {
      if (++calls === 1) throw new Error('at once')
    }) as unknown as (payload: EachMessagePayload) => Promise<void>
    await bench.scratch.run(await bench.consumer(), topic, handler)
    const [thrown, , ...rest] = await bench.spans(`process ${topic}`, 3)
    expect(thrown?.events.map(({ name }) => name)).toEqual(['exception'])
    expect(rest[0]?.status.code).toBe(SpanStatusCode.UNSET)
  })

  test.each([
    ['aborted', 'AbortError', () => Promise.reject(AbortSignal.abort().reason as Error)],
    ['timed out', 'TimeoutError', () => delay(10_000, undefined, { signal: AbortSignal.timeout(5) })],
  ])(
    'kafka-5: a handler that is %s ends its span once, and the message comes again',
    async (_, type, fail) => {
      const topic = await bench.scratch.topic()
      await (await bench.producer()).send({ topic, messages: [{ value: 'a' }] })
      let calls = 0
      await bench.scratch.run(await bench.consumer(), topic, async () => {
        if (++calls === 1)
          await fail().catch((error: Error) => {
            // A timer says that it was aborted, and why as the cause.
            throw error.cause instanceof Error ? error.cause : error
          })
      })
      const [failed, again] = await bench.spans(`process ${topic}`, 2)
      expect(failed?.attributes['error.type']).toBe(type)
      expect(again?.status.code).toBe(SpanStatusCode.UNSET)
    },
  )

  test('kafka-8: wrapping twice changes nothing; run again after stop, there is one span a message', async () => {
    const topic = await bench.scratch.topic()
    const sender = await bench.producer()
    expect(traceProducer(sender)).toBe(sender)
    await sender.send({ topic, messages: [{ value: 'a' }] })
    const config = Object.freeze({ eachMessage: () => Promise.resolve() })
    const reader = await bench.consumer()
    expect(traceConsumer(reader)).toBe(reader)
    await bench.scratch.run(reader, topic, config)
    await bench.spans(`process ${topic}`, 1)
    await bench.spans(`send ${topic}`, 1)
    if (library === confluent) return // runs once: a second run() is refused
    await reader.stop()
    await sender.send({ topic, messages: [{ value: 'b' }] })
    await bench.scratch.run(reader, topic, config)
    const [, second] = await bench.spans(`process ${topic}`, 2)
    expect(second?.attributes['waybill.delivery.attempt']).toBe(1)
  })

  test("kafka-10: payload and batch are the client's own objects", async () => {
    const topic = await bench.scratch.topic()
    await (await bench.producer()).send({ topic, messages: [{ value: 'a' }, { value: 'b' }] })
    const payloads: EachBatchPayload[] = []
    const reader = await bench.consumer()
    await bench.scratch.run(reader, topic, {
      eachBatchAutoResolve: true,
      eachBatch: async (payload) => void payloads.push(payload),
    })
    await vi.waitFor(() => expect(payloads.flatMap(({ batch }) => batch.messages)).toHaveLength(2), {
      timeout: 10_000,
    })
    const [{ batch }] = payloads as [EachBatchPayload]
    // Methods of a class, which a copy by `...` would have lost.
    expect(batch.firstOffset()).toBe('0')
    expect(batch.lastOffset()).toMatch(/^[01]$/)
    expect(batch.isEmpty()).toBe(false)
  })
})

describe.skipIf(brokerMissing)('kafkajs alone', () => {
  const bench = workbench(kafkajs)

  test.each([
    ['send without messages', 'send', { topic: 't' }],
    ['send without topic', 'send', { messages: [{ value: 'a' }] }],
    ['send of nothing', 'send', undefined],
    ['send of no message', 'send', { topic: 't', messages: [null] }],
    [
      'send of a message without value',
      'send',
      { topic: 't', messages: [{ key: 'k', headers: { a: 'b' } }] },
    ],
    ['send with null as headers', 'send', { topic: 't', messages: [{ value: 'a', headers: null }] }],
    ['send with null in a header', 'send', { topic: 't', messages: [{ value: 'a', headers: { a: null } }] }],
    ['sendBatch without messages', 'sendBatch', { topicMessages: [{ topic: 't' }] }],
    ['sendBatch of nothing', 'sendBatch', undefined],
    ['sendBatch of a non-list', 'sendBatch', { topicMessages: 7 }],
  ] as const)("kafka-4: %s rejects with the client's own error", async (_, method, argument) => {
    const topic = await bench.scratch.topic()
    const given = JSON.parse(JSON.stringify([argument]).replace('"t"', `"${topic}"`))[0] ?? undefined
    // Not in an async function: a synchronous throw is no rejection, and fails here.
    const rejection = (client: Producer): Promise<Error> =>
      client[method](given).then(
        () => expect.unreachable('resolved'),
        (error: Error) => error,
      )
    const theirs = await rejection(await bench.scratch.producer())
    const ours = await rejection(await bench.producer())
    expect(ours.message).toBe(theirs.message)
    expect(ours.constructor).toBe(theirs.constructor)
    for (const span of bench.telemetry.recorder.spans) expect(span.status.code).toBe(SpanStatusCode.ERROR)
  })

  test.each([
    ['TypeError', false],
    ['Error', true],
  ] as const)(
    'kafka-2: a %s crashes the consumer as it does without us; restart: %s',
    async (name, restart) => {
      const topic = await bench.scratch.topic()
      const thrown = name === 'TypeError' ? new TypeError('a bug') : new Error('not yet')
      await (await bench.producer()).send({ topic, messages: [{ value: 'a' }] })
      const reader = await bench.scratch.connected(
        traceConsumer(
          library().consumer({
            groupId: bench.scratch.groupId,
            maxWaitTimeInMs: 50,
            // Not started anew by itself, so that the test can count.
            retry: { initialRetryTime: 5, retries: 2, restartOnFailure: () => Promise.resolve(false) },
          }),
        ),
      )
      const crash = new Promise<{ error: Error; restart: boolean }>((resolve) => {
        reader.on('consumer.crash', ({ payload }) => {
          resolve(payload)
        })
      })
      let calls = 0
      await bench.scratch.run(reader, topic, async () => {
        calls++
        throw thrown
      })
      const { error } = await crash
      // The client judges by the error's name: one that it knows as a bug is not tried again.
      expect(calls).toBe(restart ? 3 : 1)
      expect((error as { cause?: unknown }).cause).toBe(thrown)
      const attempts = bench
        .named(`process ${topic}`)
        .map((span) => span.attributes['waybill.delivery.attempt'])
      expect(attempts).toEqual([1, 2, 3].slice(0, calls))
    },
  )

  test('kafka-8: a crash with a restart keeps one span a delivery', async () => {
    const topic = await bench.scratch.topic()
    await (await bench.producer()).send({ topic, messages: [{ value: 'a' }, { value: 'b' }] })
    const reader = await bench.scratch.connected(
      traceConsumer(
        library().consumer({
          groupId: bench.scratch.groupId,
          maxWaitTimeInMs: 50,
          sessionTimeout: 6000,
          retry: { initialRetryTime: 5, retries: 0 },
        }),
      ),
    )
    const crashed = new Promise((resolve) => reader.on('consumer.crash', resolve))
    let calls = 0
    await bench.scratch.run(reader, topic, async () => {
      if (++calls === 1) throw new Error('not yet')
    })
    await crashed
    await bench.spans(`process ${topic}`, 3)
    expect(calls).toBe(3)
    const attempts = bench
      .named(`process ${topic}`)
      .map((span) => span.attributes['waybill.delivery.attempt'])
    expect(attempts).toEqual([1, 2, 1])
  })

  const library = () => bench.scratch.kafka
})
