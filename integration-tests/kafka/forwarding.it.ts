import { SpanStatusCode } from '@opentelemetry/api'
import { forwardMessage, runMessage } from '@waybill/kafka'
import type { IHeaders, KafkaMessage } from 'kafkajs'
import { describe, expect, test, vi } from 'vitest'
import { kafkajs, libraries } from './clients.ts'
import { brokerMissing, idOf, linksOf, parentOf, workbench } from './workbench.ts'

const textOf = (headers: IHeaders | undefined): Record<string, string> =>
  Object.fromEntries(Object.entries(headers ?? {}).map(([name, value]) => [name, String(value)]))

describe.skipIf(brokerMissing).each(libraries)('dead letters: $name', (library) => {
  const bench = workbench(library)
  const subscribed = { ...(library === kafkajs && { fromBeginning: true }) }

  test('kafka-18: origin kept, failed span linked, attempt and original place stamped, hostile names dropped', async () => {
    const [orders, dead] = [await bench.scratch.topic(), await bench.scratch.topic()]
    const sender = await bench.producer()
    // As a foreign, hostile producer sends it: what some clients deliver of it others cannot send.
    const headers = { kind: 'order', toString: 'x', constructor: 'y' } as unknown as IHeaders
    await sender.send({ topic: orders, messages: [{ key: 'k', value: 'a', headers }] })
    const letters: KafkaMessage[] = []
    const reader = await bench.consumer()
    await reader.subscribe({ topic: dead, ...subscribed })
    let calls = 0
    await bench.scratch.run(reader, orders, async ({ topic, partition, message }) => {
      if (topic === dead) return void letters.push(message)
      const [kept, changed] = [{ topic, partition, message }, { headers: { error: 'not billable' } }]
      if (++calls < 3) throw new Error('not yet')
      await sender.send({ topic: dead, messages: [forwardMessage(kept, changed)] })
      return undefined
    })
    await vi.waitFor(() => expect(letters).toHaveLength(1), { timeout: 10_000 })
    const [handled] = await bench.spans(`process ${dead}`, 1)
    const [, , third] = await bench.spans(`process ${orders}`, 3)
    const [[first], [second]] = [await bench.spans(`send ${orders}`, 1), await bench.spans(`send ${dead}`, 1)]
    const got = textOf(letters[0]?.headers)
    expect(got).toMatchObject({
      kind: 'order',
      error: 'not billable',
      'waybill-original-topic': orders,
      'waybill-original-partition': '0',
      'waybill-original-offset': '0',
      'waybill-attempt': '3',
    })
    expect(Object.keys(letters[0]?.headers ?? {})).not.toContain('toString')
    expect(Object.keys(letters[0]?.headers ?? {})).not.toContain('constructor')
    expect([letters[0]?.key, letters[0]?.value].map(String)).toEqual(['k', 'a'])
    // Its own times, the journey's origin; the old context is replaced and linked, and so is the span that gave up.
    const [, sent, origin] = /^sent=(\d+);origin=(\d+)/.exec(got['waybill'] ?? '') ?? []
    expect(Number(sent)).toBeGreaterThan(Number(origin))
    expect(parentOf(second)).toBe(idOf(third))
    expect(linksOf(second)).toEqual([idOf(first), idOf(third)])
    expect(parentOf(handled)).toBe(idOf(second))
    expect(handled?.attributes['waybill.transit.unknown']).toBeUndefined()
  })

  test('kafka-18: out of a batch, after the message was given up', async () => {
    const [orders, dead] = [await bench.scratch.topic(), await bench.scratch.topic()]
    const sender = await bench.producer()
    await sender.send({ topic: orders, messages: [{ value: 'a' }] })
    const letters: KafkaMessage[] = []
    const reader = await bench.consumer()
    await reader.subscribe({ topic: dead, ...subscribed })
    await bench.scratch.run(reader, orders, {
      eachBatch: async ({ batch: { topic, partition, messages } }) => {
        for (const message of messages) {
          if (topic === dead) {
            letters.push(message)
            continue
          }
          try {
            await runMessage(message, () => Promise.reject(new Error('never')))
          } catch {
            await sender.send({ topic: dead, messages: [forwardMessage({ topic, partition, message })] })
          }
        }
      },
    })
    await vi.waitFor(() => expect(letters).toHaveLength(1), { timeout: 10_000 })
    await vi.waitFor(() => expect(bench.telemetry.recorder.open).toEqual([]))
    const failed = bench.named(`process ${orders}`).find(({ status }) => status.code === SpanStatusCode.ERROR)
    const [[first], [second]] = [await bench.spans(`send ${orders}`, 1), await bench.spans(`send ${dead}`, 1)]
    expect(linksOf(second)).toEqual([idOf(first), idOf(failed)])
    expect(textOf(letters[0]?.headers)['waybill-attempt']).toBe('1')
    const origins = [first, second].map(
      () => /origin=(\d+)/.exec(textOf(letters[0]?.headers)['waybill'] ?? '')?.[1],
    )
    const [, sent] = /sent=(\d+)/.exec(textOf(letters[0]?.headers)['waybill'] ?? '') ?? []
    expect(Number(origins[0])).toBeLessThan(Number(sent))
  })

  test('kafka-18: over two hops it keeps saying where it came from first', async () => {
    const [orders, retry, dead] = [
      await bench.scratch.topic(),
      await bench.scratch.topic(),
      await bench.scratch.topic(),
    ]
    const sender = await bench.producer()
    await sender.send({ topic: orders, messages: [{ value: 'a' }] })
    const letters: KafkaMessage[] = []
    const reader = await bench.consumer()
    for (const topic of [retry, dead]) await reader.subscribe({ topic, ...subscribed })
    await bench.scratch.run(reader, orders, async ({ topic, partition, message }) => {
      if (topic === dead) return void letters.push(message)
      const next = topic === orders ? retry : dead
      await sender.send({ topic: next, messages: [forwardMessage({ topic, partition, message })] })
      return undefined
    })
    await vi.waitFor(() => expect(letters).toHaveLength(1), { timeout: 10_000 })
    expect(textOf(letters[0]?.headers)['waybill-original-topic']).toBe(orders)
    expect(new Set(bench.telemetry.recorder.spans.map((span) => span.spanContext().traceId)).size).toBe(1)
    await bench.spans(`process ${dead}`, 1)
  })
})
