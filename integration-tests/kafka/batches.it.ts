import { setTimeout as delay } from 'node:timers/promises'
import { SpanKind, SpanStatusCode, trace } from '@opentelemetry/api'
import { runMessage } from '@waybill/kafka'
import type { RecordedSpan } from '@waybill/core/testing'
import { describe, expect, test, vi } from 'vitest'
import { expectBetween } from '../bounds.ts'
import { kafkajs, libraries } from './clients.ts'
import {
  brokerMissing,
  idOf,
  linksOf,
  parentOf,
  seconds,
  seenHere,
  withTenant,
  workbench,
} from './workbench.ts'

const isBatch = ({ attributes }: RecordedSpan): boolean =>
  attributes['messaging.batch.message_count'] !== undefined

describe.skipIf(brokerMissing).each(libraries)('batches: $name', (library) => {
  const bench = workbench(library)

  test("kafka-13: eachBatch continues every message's trace; baggage is visible per message", async () => {
    const topic = await bench.scratch.topic()
    const sender = await bench.producer()
    await withTenant('acme', () => sender.send({ topic, messages: [{ value: 'a' }] }))
    await withTenant('globex', () => sender.send({ topic, messages: [{ value: 'b' }] }))
    const seen: Record<string, ReturnType<typeof seenHere>> = {}
    await bench.scratch.run(await bench.consumer(), topic, {
      eachBatchAutoResolve: true,
      eachBatch: async ({ batch, resolveOffset }) => {
        seen['batch'] ??= seenHere()
        for (const message of batch.messages) {
          const value = await runMessage(message, async () => {
            await delay(1)
            seen[String(message.value)] = seenHere()
            trace
              .getTracer('tools')
              .startSpan(`bill ${String(message.value)}`)
              .end()
            return String(message.value)
          })
          expect(value).toBe(String(message.value))
          resolveOffset(message.offset)
        }
      },
    })
    const [one, two] = [await bench.spans('bill a', 1), await bench.spans('bill b', 1)].map(([span]) => span)
    const own = await vi.waitFor(
      () => {
        const found = bench.named(`process ${topic}`).filter((span) => !isBatch(span))
        expect(found).toHaveLength(2)
        return found
      },
      { timeout: 5000 },
    )
    const sent = await bench.spans(`send ${topic}`, 2)
    expect(own.map(parentOf)).toEqual(sent.map(idOf))
    expect([one, two].map(parentOf)).toEqual(own.map(idOf))
    expect([one, two].map((span) => span?.spanContext().traceId)).toEqual(
      sent.map((span) => span.spanContext().traceId),
    )
    expect([seen['a']?.tenant, seen['b']?.tenant, seen['batch']?.tenant]).toEqual([
      'acme',
      'globex',
      undefined,
    ])
  })

  test('kafka-20: 500 messages: spans that link within the limit, sampled first, and count the rest', async () => {
    const topic = await bench.scratch.topic()
    const bare = await bench.scratch.producer()
    // Every fifth is sampled, each in a trace of its own.
    const messages = Array.from({ length: 500 }, (_, i) => ({
      value: 'x',
      headers: {
        traceparent: `00-${String(i + 1).padStart(32, 'a')}-${String(i + 1).padStart(16, 'b')}-0${i % 5 === 0 ? 1 : 0}`,
      },
    }))
    await bare.send({ topic, messages })
    let handled = 0
    await bench.scratch.run(await bench.consumer(), topic, {
      eachBatch: async ({ batch }) => void (handled += batch.messages.length),
    })
    await vi.waitFor(() => expect(handled).toBe(500), { timeout: 10_000 })
    const batches = await vi.waitFor(() => {
      const found = bench.named(`process ${topic}`)
      const count = found.reduce(
        (sum, span) => sum + Number(span.attributes['messaging.batch.message_count']),
        0,
      )
      expect(count).toBe(500)
      return found
    })
    for (const batch of batches) {
      const [count, omitted] = ['messaging.batch.message_count', 'waybill.links.omitted'].map((name) =>
        Number(batch.attributes[name] ?? 0),
      ) as [number, number]
      expect(batch.kind).toBe(SpanKind.CONSUMER)
      expect(parentOf(batch)).toBeUndefined()
      expect(batch.links).toHaveLength(Math.min(128, count))
      expect(omitted).toBe(Math.max(0, count - 128))
      const flags = batch.links.map((link) => link.context.traceFlags)
      expect(flags).toEqual(flags.toSorted((a, b) => b - a))
    }
    // kafkajs hands over all that a fetch brought, Confluent's client 32 at most.
    if (library === kafkajs) {
      expect(batches.map(({ links }) => links.length)).toEqual([128])
      expect(batches[0]?.links.filter((link) => link.context.traceFlags === 1)).toHaveLength(100)
      expect(batches[0]?.attributes['waybill.links.omitted']).toBe(372)
    }
    const [consumed] = await bench.telemetry.series('messaging.client.consumed.messages')
    expect(consumed?.value).toBe(500)
  })

  test('kafka-21: the per-message function: own parent, and a start and end that are real', async () => {
    const topic = await bench.scratch.topic()
    await (await bench.producer()).send({ topic, messages: ['a', 'b', 'c'].map((value) => ({ value })) })
    const times: [number, number][] = []
    let [batchBegun, batchEnded] = [0, 0]
    await bench.scratch.run(await bench.consumer(), topic, {
      eachBatch: async ({ batch }) => {
        batchBegun ||= Date.now()
        for (const message of batch.messages)
          await runMessage(message, async () => {
            const begun = Date.now()
            await delay(20)
            times.push([begun, Date.now()])
          })
        batchEnded = Date.now()
      },
    })
    await vi.waitFor(() => expect(times).toHaveLength(3), { timeout: 10_000 })
    const own = await vi.waitFor(() => {
      const found = bench.named(`process ${topic}`).filter((span) => !isBatch(span))
      expect(found).toHaveLength(3)
      return found
    })
    for (const [i, span] of own.entries()) {
      const [begun, ended] = times[i] as [number, number]
      // Each runs when the one before it is done.
      const [before, after] = [times[i - 1]?.[1] ?? batchBegun, times[i + 1]?.[0] ?? batchEnded]
      expectBetween(seconds(span.startTime), before / 1000, begun / 1000)
      expectBetween(seconds(span.endTime), ended / 1000, after / 1000)
      expect(span.attributes).toMatchObject({ 'kafka.offset': i, 'messaging.destination.partition.id': '0' })
    }
  })

  test('kafka-28: a batch that fails comes again from where it was resolved: attempt 2, wait unknown', async () => {
    const topic = await bench.scratch.topic()
    await (await bench.producer()).send({ topic, messages: ['a', 'b', 'c'].map((value) => ({ value })) })
    let failures = 0
    await bench.scratch.run(await bench.consumer(), topic, {
      eachBatch: async ({ batch, resolveOffset }) => {
        for (const message of batch.messages) {
          await runMessage(message, async () => {
            if (String(message.value) === 'b' && failures++ === 0) throw new Error('not yet')
          })
          resolveOffset(message.offset)
        }
      },
    })
    await vi.waitFor(
      () => {
        const own = bench.named(`process ${topic}`).filter((span) => !isBatch(span))
        expect(own.at(-1)?.attributes['kafka.offset']).toBe(2)
        expect(bench.telemetry.recorder.open).toEqual([])
      },
      { timeout: 10_000 },
    )
    const all = bench.named(`process ${topic}`)
    const failed = all.filter((span) => isBatch(span) && span.status.code === SpanStatusCode.ERROR)
    expect(failed).toHaveLength(1)
    const own = all.filter((span) => !isBatch(span) && span.attributes['kafka.offset'] === 1)
    expect(own.map(({ attributes }) => attributes['waybill.delivery.attempt'])).toEqual([1, 2])
    expect(own.map(({ attributes }) => attributes['waybill.transit.unknown'])).toEqual([
      undefined,
      'redelivered',
    ])
    const last = all.findLast((span) => isBatch(span) && (linksOf(span)?.length ?? 0) > 0)
    expect(last?.links[0]?.attributes?.['waybill.delivery.attempt']).toBeGreaterThanOrEqual(1)
    const [transit] = await bench.telemetry.series('waybill.transit.duration')
    expect(transit?.value).toMatchObject({ count: 3 })
  })
})
