import { randomUUID } from 'node:crypto'
import { requireBrokers, startBroker } from '@waybill/brokers'
import { tracePipeline, traceProducer, type ConsumedEntry } from '@waybill/redis-streams'
import { Cluster } from 'ioredis'
import { Cluster as Cluster5 } from 'ioredis-5'
import { createCluster } from 'redis'
import { createCluster as createCluster5 } from 'redis-5'
import { afterAll, afterEach, beforeEach, describe, expect, test } from 'vitest'
import { installSdk, type TestTelemetry } from '../telemetry.ts'
import { consuming, until, untilCount, type Consuming } from './consuming.ts'
import { namesOf } from './scratch.ts'

const broker = await startBroker('redis-cluster').catch((error: Error) => ({ missing: error.message }))
if ('missing' in broker) requireBrokers([{ name: 'redis-cluster', reason: broker.missing }])

describe.skipIf('missing' in broker)(
  `Redis Cluster of three ${'missing' in broker ? `not run: ${broker.missing}` : broker.version}`,
  () => {
    const urls = 'missing' in broker ? [] : broker.url.split(',')
    const nodes = urls.map((url) => ({ host: new URL(url).hostname, port: Number(new URL(url).port) }))
    let telemetry: TestTelemetry
    let consumers: Consuming
    let bare: Cluster
    const closing: (() => unknown)[] = []
    beforeEach(() => {
      telemetry = installSdk()
      consumers = consuming()
      bare = ioredis()
    })
    afterEach(async () => {
      await consumers.stop()
      for (const close of closing.splice(0)) await close()
      await telemetry.finish()
    })
    afterAll(() => ('missing' in broker ? undefined : broker.stop()))
    const opened = <C extends { disconnect: () => void }>(cluster: C): C => {
      closing.push(() => {
        cluster.disconnect()
      })
      return cluster
    }
    const ioredis = () => opened(new Cluster(nodes))
    const ioredis5 = () => opened(new Cluster5(nodes) as unknown as Cluster)
    async function nodeRedis() {
      const cluster = createCluster({ rootNodes: urls.map((url) => ({ url })) })
      cluster.on('error', () => undefined)
      await cluster.connect()
      closing.push(() => {
        cluster.destroy()
      })
      return cluster
    }
    async function nodeRedis5() {
      const cluster = createCluster5({ rootNodes: urls.map((url) => ({ url })) })
      cluster.on('error', () => undefined)
      await cluster.connect()
      closing.push(() => {
        cluster.destroy()
      })
      return cluster as unknown as Awaited<ReturnType<typeof nodeRedis>>
    }
    const xadds = () => telemetry.recorder.spans.filter(({ name }) => name.startsWith('xadd '))
    const processes = () => telemetry.recorder.spans.filter(({ name }) => name.startsWith('process '))
    /** Three streams on three nodes. */
    const spread = (): string[] => {
      const byNode = new Map<string, string>()
      while (byNode.size < 3) {
        const stream = `stream-${randomUUID()}`
        const slot = keySlot(stream)
        byNode.set(String(Math.floor(slot / 5462)), stream)
      }
      return [...byNode.values()]
    }

    const producers = [
      ['ioredis 6', () => Promise.resolve(ioredis())],
      ['ioredis 5', () => Promise.resolve(ioredis5())],
      ['node-redis 6', nodeRedis],
      ['node-redis 5', nodeRedis5],
    ] as const
    test.each(producers)(
      'redis-streams-16: cluster of %s: traced on every node; pipelines and transactions too',
      async (name, open) => {
        const streams = spread()
        const cluster = traceProducer(await open())
        const ids: unknown[] = []
        for (const stream of streams) {
          if ('xadd' in cluster) {
            ids.push(await cluster.xadd(stream, '*', 'a', '1'))
            const rows = await tracePipeline(cluster.pipeline()).xadd(stream, '*', 'a', '2').exec()
            const replies = await tracePipeline(cluster.multi()).xadd(stream, '*', 'a', '3').exec()
            ids.push(rows?.[0]?.[1], replies?.[0]?.[1])
          } else {
            ids.push(await cluster.xAdd(stream, '*', { a: '1' }))
            ids.push(...(await tracePipeline(cluster.multi()).xAdd(stream, '*', { a: '2' }).execAsPipeline()))
            ids.push(...(await tracePipeline(cluster.multi()).xAdd(stream, '*', { a: '3' }).exec()))
          }
        }
        expect(xadds().map(({ attributes }) => attributes['messaging.message.id'])).toEqual(ids)
        for (const [i, stream] of streams.entries()) {
          const entries = await bare.xrange(stream, '-', '+')
          expect(
            entries.map(([id]) => id),
            name,
          ).toEqual(ids.slice(3 * i, 3 * i + 3))
          for (const [, fields] of entries) expect(namesOf(fields)).toEqual(['a', 'traceparent', 'waybill'])
        }
      },
    )

    test.each(producers)(
      'redis-streams-16: createConsumer on a cluster of %s: streams on all nodes, dead letters in another slot',
      async (_name, open) => {
        const streams = spread()
        const dead = `dead-${randomUUID()}`
        const seen: ConsumedEntry[] = []
        await consumers.start({
          client: await open(),
          streams,
          claim: { minIdleMs: 60, everyMs: 20 },
          maxDeliveries: 2,
          deadLetter: dead,
          lag: true,
          handler: (entry) => {
            seen.push(entry)
            if (entry.fields['kind'] === 'poison') throw new Error('poison')
          },
        })
        const producer = traceProducer(ioredis())
        for (const stream of streams) {
          await producer.xadd(stream, '*', 'kind', 'plain')
          await producer.xadd(stream, '*', 'kind', 'poison')
        }
        await untilCount(seen, 9)
        await until(async () => {
          for (const stream of streams) expect((await bare.xpending(stream, consumers.group))[0]).toBe(0)
        })
        expect(seen.map(({ stream }) => stream).toSorted()).toEqual(
          streams.flatMap((stream) => [stream, stream, stream]).toSorted(),
        )
        const letters = await bare.xrange(dead, '-', '+')
        expect(
          letters.map(([, fields]) => String(fields[fields.indexOf('dead_letter_stream') + 1])).toSorted(),
        ).toEqual(streams.toSorted())
        const traces = xadds().map((span) => span.spanContext().traceId)
        for (const span of processes()) expect(traces).toContain(span.spanContext().traceId)
        expect(processes()).toHaveLength(9)
        expect((await telemetry.series('waybill.consumer.lag')).map(({ value }) => value)).toEqual([0, 0, 0])
        expect(consumers.errors).toEqual([])
      },
    )
  },
)

/** CRC16 (XMODEM) of the key, which has no hash tag, by the number of slots. */
function keySlot(key: string): number {
  let crc = 0
  for (const byte of Buffer.from(key)) {
    crc ^= byte << 8
    for (let bit = 0; bit < 8; bit++) crc = ((crc & 0x8000) === 0 ? crc << 1 : (crc << 1) ^ 0x1021) & 0xffff
  }
  return crc % 16_384
}
