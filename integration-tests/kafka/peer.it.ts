import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import path from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { context, propagation, ROOT_CONTEXT, trace } from '@opentelemetry/api'
import { KafkaJsInstrumentation } from '@opentelemetry/instrumentation-kafkajs'
import { runMessage, traceConsumer, traceProducer } from '@waybill/kafka'
import type { RecordedSpan } from '@waybill/core/testing'
import type { Consumer, EachMessagePayload, IHeaders, Producer } from 'kafkajs'
import { describe, expect, test, vi } from 'vitest'
import { kafkajs } from './clients.ts'
import { brokerMissing, idOf, parentOf, withTenant, workbench } from './workbench.ts'

/** Clients under one of the two: theirs are patched as they are made, ours afterwards. */
interface Side {
  readonly producer: () => Promise<Producer>
  readonly consumer: () => Promise<Consumer>
}

describe.skipIf(brokerMissing)('beside @opentelemetry/instrumentation-kafkajs', () => {
  const bench = workbench(kafkajs)

  // One for all: it patches what is required for the first time after it, and from then on when it is enabled.
  const instrumentation = new KafkaJsInstrumentation()
  const { Kafka } = createRequire(import.meta.url)('kafkajs') as typeof import('kafkajs')
  instrumentation.disable()
  function enable(): void {
    instrumentation.enable()
    instrumentation.setTracerProvider(trace.getTracerProvider())
  }

  test('kafka-9: with it active there is one span a side, and the header is ours', async () => {
    enable()
    try {
      const topic = await bench.scratch.topic()
      const instrumented = new Kafka(bench.scratch.config)
      const sender = await bench.scratch.connected(
        traceProducer(instrumented.producer({ transactionalId: `tx-${topic}` })),
      )
      const made = instrumented.consumer({ groupId: bench.scratch.groupId, maxWaitTimeInMs: 50 })
      expect(made).toHaveProperty('run.__wrapped', true)
      await sender.send({ topic, messages: [{ value: 'a' }, { value: 'b' }] })
      const transaction = await sender.transaction()
      await transaction.send({ topic, messages: [{ value: 'c' }] })
      await transaction.commit()
      await bench.scratch.run(await bench.scratch.connected(traceConsumer(made)), topic, () =>
        Promise.resolve(),
      )
      const processed = await bench.spans(`process ${topic}`, 3)
      const [sent, inTransaction] = await bench.spans(`send ${topic}`, 2)
      expect(processed.map(parentOf)).toEqual([sent, sent, inTransaction].map(idOf))
      const scopes = bench.telemetry.recorder.spans.map((span) => span.instrumentationScope.name)
      expect(new Set(scopes)).toEqual(new Set(['@waybill/kafka']))
    } finally {
      instrumentation.disable()
    }
  })

  /** Each says in a few words how it went; the README's table is these words. */
  const cases: Record<string, (side: Side) => Promise<string>> = {
    'a record that waits 100 ms in the broker': async ({ producer, consumer }) => {
      const topic = await bench.scratch.topic()
      await (await producer()).send({ topic, messages: [{ value: 'a' }] })
      await delay(100)
      await bench.scratch.run(await consumer(), topic, () => Promise.resolve())
      await ended(2)
      const told = spans().flatMap((span) => [
        span.endTime[0] - span.startTime[0] + (span.endTime[1] - span.startTime[1]) / 1e9,
        ...Object.values(span.attributes).map(Number),
      ])
      return told.some((number) => number >= 0.099 && number < 3) ? 'a span of it' : 'nowhere'
    },
    'trace of a message in `eachBatch`': async ({ producer, consumer }) => {
      const { traces, batch } = await inBatch({ producer, consumer })
      return batch.every((trace, i) => trace === traces[i]) ? 'its own' : 'a new one'
    },
    'baggage of a message in `eachBatch`': async ({ producer, consumer }) => {
      const { baggage } = await inBatch({ producer, consumer })
      return baggage.join() === 'acme,globex' ? 'its own' : 'none'
    },
    'parents of three messages that share a headers object': async ({ producer, consumer }) => {
      const topic = await bench.scratch.topic()
      const headers: IHeaders = {}
      await (await producer()).send({ topic, messages: ['a', 'b', 'c'].map((value) => ({ value, headers })) })
      await bench.scratch.run(await consumer(), topic, () => Promise.resolve())
      await ended(4)
      const parents = new Set(
        spans()
          .filter(({ name }) => name.startsWith('process'))
          .map(parentOf),
      )
      const sends = spans().filter(({ kind }) => kind === 3)
      const right = sends.every((span) => parents.has(idOf(span)))
      return `${right ? 'right' : 'all the last one'}, the object ${Object.keys(headers).length > 0 ? 'written to' : 'untouched'}`
    },
    'a frozen message': async ({ producer }) => {
      const topic = await bench.scratch.topic()
      const messages = [Object.freeze({ value: 'a', headers: Object.freeze({}) })]
      return outcome(await producer(), { topic, messages })
    },
    '`send` without messages': async ({ producer }) => outcome(await producer(), { topic: 'x' }),
    'spans left open by a handler that throws at once': async ({ producer, consumer }) => {
      const topic = await bench.scratch.topic()
      await (await producer()).send({ topic, messages: [{ value: 'a' }] })
      let calls = 0
      await bench.scratch.run(await consumer(), topic, (() => {
        if (++calls === 1) throw new Error('not yet')
      }) as unknown as (payload: EachMessagePayload) => Promise<void>)
      await vi.waitFor(() => expect(calls).toBe(2), { timeout: 5000 })
      await delay(20)
      return String(bench.telemetry.recorder.open.length)
    },
    'a repeated `traceparent` header': async ({ consumer }) => {
      const topic = await bench.scratch.topic()
      const [other, last] = ['c', 'b'].map((c) => `00-${'a'.repeat(32)}-${c.repeat(16)}-01`) as [
        string,
        string,
      ]
      const bare = await bench.scratch.producer()
      await bare.send({ topic, messages: [{ value: 'a', headers: { traceparent: [other, last] } }] })
      await bench.scratch.run(await consumer(), topic, () => Promise.resolve())
      await ended(1)
      const handled = spans().find(({ name }) => name.startsWith('process'))
      return parentOf(handled) === 'b'.repeat(16) ? 'the last one counts' : 'a new trace'
    },
    'attempts of a handler that fails twice': async ({ producer, consumer }) => {
      const topic = await bench.scratch.topic()
      await (await producer()).send({ topic, messages: [{ value: 'a' }] })
      let calls = 0
      await bench.scratch.run(await consumer(), topic, async () => {
        if (++calls < 3) throw new Error('not yet')
      })
      await ended(4)
      const handled = spans().filter(({ name }) => name.startsWith('process'))
      const attempts = handled.map(({ attributes }) => attributes['waybill.delivery.attempt'])
      const exceptions = handled.filter(({ events }) =>
        events.some(({ name }) => name === 'exception'),
      ).length
      return `${attempts.join() === '1,2,3' ? '1, 2, 3' : 'not told'}; exceptions recorded: ${exceptions}`
    },
    'consumer group, offset of the record': async ({ producer, consumer }) => {
      const topic = await bench.scratch.topic()
      await (await producer()).send({ topic, messages: [{ value: 'a' }] })
      await bench.scratch.run(await consumer(), topic, () => Promise.resolve())
      await ended(2)
      const { attributes } = spans().find(({ name }) => name.startsWith('process')) as RecordedSpan
      const group = attributes['messaging.consumer.group.name'] === undefined ? 'no' : 'yes'
      return `${group}; ${typeof (attributes['kafka.offset'] ?? attributes['messaging.kafka.offset'])}`
    },
    'spans of a send of three messages': async ({ producer }) => {
      const topic = await bench.scratch.topic()
      await (await producer()).send({ topic, messages: ['a', 'b', 'c'].map((value) => ({ value })) })
      return String(spans().length)
    },
  }
  const spans = (): readonly RecordedSpan[] => bench.telemetry.recorder.spans
  const ended = (count: number): Promise<void> =>
    vi.waitFor(
      () => {
        expect(spans().filter(({ name }) => !name.startsWith('transit')).length).toBeGreaterThanOrEqual(count)
        expect(bench.telemetry.recorder.open).toEqual([])
      },
      { timeout: 10_000 },
    )

  async function inBatch({ producer, consumer }: Side) {
    const topic = await bench.scratch.topic()
    const sender = await producer()
    for (const tenant of ['acme', 'globex'])
      await withTenant(tenant, () => sender.send({ topic, messages: [{ value: tenant }] }))
    const traces = spans().map((span) => span.spanContext().traceId)
    const [batch, baggage]: [string[], (string | undefined)[]] = [[], []]
    await bench.scratch.run(await consumer(), topic, {
      eachBatch: async ({ batch: { messages } }) => {
        for (const message of messages)
          await runMessage(message, async () => {
            batch.push(trace.getSpanContext(context.active())?.traceId ?? 'none')
            baggage.push(propagation.getActiveBaggage()?.getEntry('tenant')?.value)
          })
      },
    })
    await vi.waitFor(() => expect(batch).toHaveLength(2), { timeout: 10_000 })
    return { traces, batch, baggage }
  }

  /** How a call that the client takes or rejects goes. */
  function outcome(sender: Producer, argument: unknown): Promise<string> {
    const open = (): string => `, spans left open: ${bench.telemetry.recorder.open.length}`
    try {
      return sender.send(argument as never).then(
        () => `sent${open()}`,
        (error: Error) => `rejected by the client: ${error.name}${open()}`,
      )
    } catch (error) {
      return Promise.resolve(`throws ${(error as Error).name}${open()}`)
    }
  }

  async function underTheirs(run: (side: Side) => Promise<string>): Promise<string> {
    enable()
    try {
      const kafka = new Kafka(bench.scratch.config)
      return await run({
        producer: () => bench.scratch.connected(kafka.producer()),
        consumer: () =>
          bench.scratch.connected(kafka.consumer({ groupId: bench.scratch.groupId, maxWaitTimeInMs: 50 })),
      })
    } finally {
      instrumentation.disable()
    }
  }

  const readme = readFileSync(path.resolve(import.meta.dirname, '../../packages/kafka/README.md'), 'utf8')
  test.each(Object.entries(cases))('the table in the README: %s', async (title, run) => {
    const theirs = await context.with(ROOT_CONTEXT, () => underTheirs(run))
    await bench.scratch.release()
    bench.telemetry.recorder.reset()
    const ours = await run({ producer: () => bench.producer(), consumer: () => bench.consumer() })
    await bench.scratch.release()
    expect(bench.telemetry.recorder.open).toEqual([])
    expect(readme).toContain(`| ${title} | ${theirs} | ${ours} |`)
  })
})
