import { setTimeout as delay } from 'node:timers/promises'
import { traceProducer, type ConsumedEntry } from '@waybill/redis-streams'
import { context, propagation, ROOT_CONTEXT, SpanKind, trace } from '@opentelemetry/api'
import { traceTree } from '@waybill/core/testing'
import type { Redis } from 'ioredis'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { histogram, installSdk, type TestTelemetry } from '../telemetry.ts'
import { consuming, until, untilCount, type Consuming } from './consuming.ts'
import { namesOf, redisScratch, servers, type Scratch } from './scratch.ts'

describe.each(servers)('$title', ({ url, missing }) => {
  describe.skipIf(missing)('createConsumer', () => {
    let telemetry: TestTelemetry
    let scratch: Scratch
    let consumers: Consuming
    let redis: Redis
    beforeEach(() => {
      telemetry = installSdk()
      scratch = redisScratch(url)
      consumers = consuming()
      redis = traceProducer(scratch.ioredis())
    })
    afterEach(async () => {
      await consumers.stop()
      await scratch.close()
      expect(consumers.errors).toEqual([])
      await telemetry.finish()
    })
    const named = (prefix: string) =>
      telemetry.recorder.spans.filter(({ name }) => name.startsWith(`${prefix} `))
    const pendingOf = async (stream: string) =>
      (await scratch.bare.xpending(stream, consumers.group))[0] as number
    const inRequest = <T>(tenant: string, run: () => Promise<T>): Promise<T> => {
      const span = trace.getTracer('test').startSpan('request', {}, ROOT_CONTEXT)
      const baggage = propagation.createBaggage({ tenant: { value: tenant } })
      const active = propagation.setBaggage(trace.setSpan(ROOT_CONTEXT, span), baggage)
      return context.with(active, run).finally(() => {
        span.end()
      })
    }

    test.each([
      ['ioredis 6', () => scratch.ioredis()],
      ['ioredis 6 with RESP3 replies', () => scratch.ioredis({ replyMapping: 'resp3' } as object)],
      ['ioredis 5', () => scratch.ioredis5()],
      ['node-redis 6', () => scratch.nodeRedis()],
      [
        'node-redis 6 with a type mapping',
        () => scratch.nodeRedis({ commandOptions: { typeMapping: { 36: Buffer, 37: Map } } } as object),
      ],
      ['node-redis 5', () => scratch.nodeRedis5()],
      ['a pool of node-redis 6', () => scratch.pool()],
    ])('redis-streams-1: %s: one trace from xadd to handler, acknowledged', async (_name, open) => {
      const stream = scratch.stream()
      const seen: ConsumedEntry[] = []
      const client = await open()
      const consumer = await consumers.start({
        client,
        streams: [stream],
        handler: (entry) => seen.push(entry),
      })
      const id = await inRequest('acme', () => redis.xadd(stream, '*', 'task', 'bill', 'n', '1'))
      await untilCount(seen, 1)
      expect(seen[0]).toMatchObject({
        stream,
        id,
        list: ['task', 'bill', 'n', '1'],
        attempt: 1,
        idleMs: undefined,
      })
      expect({ ...seen[0]?.fields }).toEqual({ task: 'bill', n: '1' })
      await consumer.stop()
      expect(await pendingOf(stream)).toBe(0)
      expect(traceTree(telemetry.recorder.spans.filter(({ name }) => !name.startsWith('transit')))).toBe(
        ['request', `  xadd ${stream}`, `    process ${stream}`].join('\n'),
      )
      expect(named('process')[0]?.kind).toBe(SpanKind.CONSUMER)
      expect(named('process')[0]?.attributes).toMatchObject({
        'messaging.message.id': id,
        'messaging.consumer.group.name': consumers.group,
        'messaging.client.id': 'c1',
        'waybill.delivery.attempt': 1,
        'waybill.delivery.outcome': 'ack',
        'waybill.transit.time': expect.any(Number),
        'waybill.transit.local_wait': expect.any(Number),
        'waybill.transit.broker_wait': expect.any(Number),
      })
    })

    test('redis-streams-16: a key prefix on either client', async () => {
      const prefix = `${scratch.stream()}:`
      const keys = ['a', 'b', 'c'].map((name) => scratch.stream(prefix + name))
      const seen: string[] = []
      for (const [i, client] of [
        scratch.ioredis({ keyPrefix: prefix }),
        scratch.ioredis5({ keyPrefix: prefix }),
        await scratch.nodeRedis({ keyPrefix: prefix } as object),
      ].entries()) {
        const name = ['a', 'b', 'c'][i] as string
        await consumers.start({
          client,
          streams: [name],
          lag: true,
          handler: (entry) => {
            seen.push(entry.stream)
            if (entry.attempt === 1) throw new Error('once more')
          },
          claim: { minIdleMs: 40, everyMs: 10 },
          maxDeliveries: 2,
          deadLetter: () => undefined,
        })
        await scratch.bare.xadd(keys[i] as string, '*', 'n', String(i))
      }
      await until(async () => {
        expect(seen.toSorted()).toEqual(['a', 'a', 'b', 'b', 'c', 'c'])
        expect(await Promise.all(keys.map(pendingOf))).toEqual([0, 0, 0])
      })
      expect(new Set(named('process').map(({ name }) => name))).toEqual(
        new Set(keys.map((key) => `process ${key}`)),
      )
      expect((await telemetry.series('waybill.consumer.lag')).map(({ value }) => value)).toEqual([0, 0, 0])
    })

    test('redis-streams-14: bytes on request; context fields kept on request', async () => {
      const stream = scratch.stream()
      const blob = Buffer.from([0xff, 0x00, 0xfe])
      await redis.xadd(stream, '*', 'blob', blob, '10', 'x', '__proto__', 'y')
      for (const [i, client] of [scratch.ioredis(), await scratch.nodeRedis()].entries()) {
        const seen: ConsumedEntry<Buffer>[] = []
        await consumers.start<Buffer>({
          client,
          group: `bytes-${i}`,
          streams: [stream],
          bytes: true,
          handler: (entry) => void seen.push(entry),
        })
        await untilCount(seen, 1)
        expect(seen[0]?.fields['blob']).toEqual(blob)
        expect(namesOf(seen[0]?.list ?? [])).toEqual(['blob', '10', '__proto__'])
        expect(Object.keys(seen[0]?.fields ?? {}).toSorted()).toEqual(['10', '__proto__', 'blob'])
        expect(String(seen[0]?.fields['__proto__'])).toBe('y')
      }
      const kept: string[] = []
      await consumers.start({
        client: scratch.ioredis(),
        group: 'kept',
        streams: [stream],
        keepContextFields: true,
        handler: ({ list }) => kept.push(...namesOf(list)),
      })
      await untilCount(kept, 5)
      expect(kept.slice(3)).toEqual(['traceparent', 'waybill'])
    })

    test('redis-streams-18: empty reads make no spans, and what is active at the start is never a parent', async () => {
      const stream = scratch.stream()
      const startup = trace.getTracer('test').startSpan('start-up')
      const baggage = propagation.createBaggage({ leaked: { value: 'yes' } })
      const seen: unknown[] = []
      await context.with(propagation.setBaggage(trace.setSpan(ROOT_CONTEXT, startup), baggage), () =>
        consumers.start({
          client: scratch.ioredis(),
          streams: [stream],
          blockMs: 10,
          receiveSpans: true,
          handler: () => {
            seen.push(propagation.getActiveBaggage()?.getAllEntries())
            trace.getTracer('test').startSpan('work').end()
          },
        }),
      )
      startup.end()
      await delay(60) // several reads that wait in vain
      expect(telemetry.recorder.spans.map(({ name }) => name)).toEqual(['start-up'])
      await scratch.bare.xadd(stream, '*', 'n', '1')
      await inRequest('acme', () => redis.xadd(stream, '*', 'n', '2'))
      await untilCount(seen, 2)
      await untilCount(() => named('process'), 2)
      const [bare, traced] = named('process')
      expect(bare?.parentSpanContext).toBeUndefined()
      expect(bare?.attributes['waybill.root.reason']).toBe('no_carrier')
      expect(traced?.parentSpanContext?.spanId).toBe(named('xadd')[0]?.spanContext().spanId)
      expect(seen[0]).toBeUndefined()
      expect(seen[1]).toMatchObject([['tenant', { value: 'acme' }]])
      const startupTrace = startup.spanContext().traceId
      expect(
        telemetry.recorder.spans.filter((span) => span.spanContext().traceId === startupTrace),
      ).toHaveLength(1)
    })

    test('redis-streams-19: of a batch each entry has its own parent and baggage; the receive span links them, as many as it may', async () => {
      const stream = scratch.stream()
      const tenants = Array.from({ length: 6 }, (_, i) => `t${i}`)
      for (const tenant of tenants) await inRequest(tenant, () => redis.xadd(stream, '*', 'n', tenant))
      const seen: unknown[] = []
      await consumers.start({
        client: scratch.ioredis(),
        streams: [stream],
        receiveSpans: true,
        maxLinks: 4,
        handler: ({ fields }) =>
          void seen.push([fields['n'], propagation.getActiveBaggage()?.getEntry('tenant')?.value]),
      })
      await untilCount(seen, 6)
      await untilCount(() => named('process'), 6)
      expect(seen).toEqual(tenants.map((tenant) => [tenant, tenant]))
      const parents = named('process').map((span) => span.parentSpanContext?.spanId)
      expect(parents).toEqual(named('xadd').map((span) => span.spanContext().spanId))
      const [receive, ...others] = named('xreadgroup')
      expect(others).toEqual([])
      expect(receive?.kind).toBe(SpanKind.CLIENT)
      expect(receive?.parentSpanContext).toBeUndefined()
      expect(receive?.links.map((link) => link.context.spanId)).toEqual(parents.slice(0, 4))
      expect(receive?.attributes).toMatchObject({
        'messaging.operation.type': 'receive',
        'messaging.batch.message_count': 6,
        'waybill.links.omitted': 2,
      })
    })

    test('redis-streams-20: handlers that run at the same time never see each other', async () => {
      const stream = scratch.stream()
      const tenants = Array.from({ length: 8 }, (_, i) => `t${i}`)
      for (const tenant of tenants) await inRequest(tenant, () => redis.xadd(stream, '*', 'n', tenant))
      const seen: (readonly [string | undefined, string | undefined, string | undefined])[] = []
      let running = 0
      let most = 0
      await consumers.start({
        client: await scratch.nodeRedis(),
        streams: [stream],
        concurrency: 4,
        count: 8,
        handler: async ({ fields }) => {
          most = Math.max(most, ++running)
          await delay(Math.random() * 20)
          const span = trace.getActiveSpan()
          seen.push([
            fields['n'],
            propagation.getActiveBaggage()?.getEntry('tenant')?.value,
            span?.spanContext().traceId,
          ])
          running--
        },
      })
      await untilCount(seen, 8)
      await untilCount(() => named('process'), 8)
      expect(most).toBe(4)
      const traces = named('xadd').map((span) => span.spanContext().traceId)
      expect(seen.toSorted(([a = ''], [b = '']) => a.localeCompare(b))).toEqual(
        tenants.map((tenant, i) => [tenant, tenant, traces[i]]),
      )
    })

    test("redis-streams-21: with concurrency 1 and COUNT 10 the tenth entry's local wait is not hidden", async () => {
      const stream = scratch.stream()
      for (let i = 0; i < 10; i++) await redis.xadd(stream, '*', 'n', String(i))
      await consumers.start({
        client: scratch.ioredis(),
        streams: [stream],
        concurrency: 1,
        count: 10,
        handler: () => delay(15),
      })
      await untilCount(() => named('process'), 10)
      const local = named('process').map((span) => span.attributes['waybill.transit.local_wait'] as number)
      expect((local[9] ?? 0) - (local[0] ?? 0)).toBeGreaterThanOrEqual(9 * 0.014)
      expect(local).toEqual(local.toSorted((a, b) => a - b))
      for (const { attributes } of named('process')) {
        const parts = ['client_wait', 'broker_wait', 'local_wait'].map(
          (part) => (attributes[`waybill.transit.${part}`] as number | undefined) ?? 0,
        )
        expect(attributes['waybill.transit.time'] as number).toBeGreaterThanOrEqual((parts[2] ?? 0) - 0.001)
      }
    })

    test('redis-streams-29: metrics, once for each delivery, of unsampled traces too; the lag on request', async () => {
      await telemetry.uninstall()
      telemetry = installSdk({ sampled: false })
      const stream = scratch.stream()
      await redis.xadd(stream, '*', 'n', 'first')
      let release: () => void = () => undefined
      const held = new Promise<void>((resolve) => (release = resolve))
      let handled = 0
      const consumer = await consumers.start({
        client: scratch.ioredis(),
        streams: [stream],
        concurrency: 1,
        lag: true,
        claim: { minIdleMs: 50, everyMs: 20 },
        maxDeliveries: 2,
        deadLetter: () => undefined,
        handler: async ({ fields, attempt }) => {
          handled++
          await held
          if (fields['n'] === 'fails' && attempt === 1) throw new URIError('once')
        },
      })
      await until(() => {
        expect(handled).toBe(1)
      })
      // The next read takes one of them, which waits for its handler; two more are still before the group.
      for (const n of ['fails', 'a', 'b']) await redis.xadd(stream, '*', 'n', n)
      await until(async () => {
        expect((await telemetry.series('waybill.consumer.lag'))[0]).toMatchObject({
          unit: '{message}',
          value: 2,
          attributes: {
            'messaging.destination.name': stream,
            'messaging.consumer.group.name': consumers.group,
          },
        })
      })
      release()
      await until(async () => {
        expect(handled).toBe(5)
        expect(await pendingOf(stream)).toBe(0)
      })
      await consumer.stop()
      expect(telemetry.recorder.started).toBe(0)
      const consumed = await telemetry.series('messaging.client.consumed.messages')
      const by = (name: string) =>
        Object.fromEntries(consumed.map(({ attributes, value }) => [attributes[name], value]))
      expect(by('waybill.delivery.outcome')).toEqual({ ack: 4, requeue: 1 })
      expect(by('error.type')).toEqual({ undefined: 4, URIError: 1 })
      const [sent] = await telemetry.series('messaging.client.sent.messages')
      expect(sent?.value).toBe(4)
      const durations = await telemetry.series('messaging.process.duration')
      expect(durations.reduce((sum, series) => sum + histogram(series).count, 0)).toBe(5)
      const [transit] = await telemetry.series('waybill.transit.duration')
      expect(histogram(transit).count).toBe(4)
    })

    test('redis-streams-32: an XACK is not delayed by a read that waits', async () => {
      const stream = scratch.stream()
      const client = scratch.ioredis()
      const times: number[] = []
      const { call } = client
      client.call = (async (name: string, ...args: string[]) => {
        const since = performance.now()
        const reply: unknown = await call.apply(client, [name, ...args])
        if (name === 'XACK') times.push(performance.now() - since)
        return reply
      }) as typeof client.call
      await consumers.start({ client, streams: [stream], blockMs: 800, handler: () => undefined })
      for (let i = 0; i < 3; i++) {
        await redis.xadd(stream, '*', 'n', String(i))
        await untilCount(times, i + 1)
      }
      // Behind the next read it would take the whole of `blockMs`.
      for (const time of times) expect(time).toBeLessThan(400)
    })

    test('redis-streams-31: what has succeeded meanwhile is acknowledged together, or each by itself on request', async () => {
      const acksOf = async (ackMode: 'batch' | 'each'): Promise<number[]> => {
        const stream = scratch.stream()
        const pipeline = scratch.bare.pipeline()
        for (let i = 0; i < 40; i++) pipeline.xadd(stream, '*', 'n', String(i))
        await pipeline.exec()
        const client = scratch.ioredis()
        const sizes: number[] = []
        const { call } = client
        client.call = ((name: string, ...args: string[]) => {
          if (name === 'XACK') sizes.push(args.length - 2)
          return call.apply(client, [name, ...args])
        }) as typeof client.call
        await consumers.start({
          client,
          streams: [stream],
          count: 40,
          concurrency: 1,
          ackMode,
          handler: () => undefined,
        })
        await until(async () => {
          expect(sizes.reduce((sum, size) => sum + size, 0)).toBe(40)
          expect(await pendingOf(stream)).toBe(0)
        })
        return sizes
      }
      expect((await acksOf('batch')).length).toBeLessThanOrEqual(4)
      expect(await acksOf('each')).toEqual(Array(40).fill(1))
    })
  })
})
