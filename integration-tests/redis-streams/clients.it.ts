import { traceHandler, traceProducer, type StreamEntry, type StreamMessage } from '@waybill/redis-streams'
import { context, ROOT_CONTEXT, SpanKind, trace } from '@opentelemetry/api'
import { traceTree } from '@waybill/core/testing'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { installSdk, type TestTelemetry } from '../telemetry.ts'
import { entryOf, namesOf, redisScratch, servers, type Scratch } from './scratch.ts'

type Xadd = (...args: unknown[]) => Promise<unknown>

describe.each(servers)('$title', ({ url, missing, claims }) => {
  describe.skipIf(missing)('the clients', () => {
    let telemetry: TestTelemetry
    let scratch: Scratch
    beforeEach(() => {
      telemetry = installSdk()
      scratch = redisScratch(url)
    })
    afterEach(async () => {
      await scratch.close()
      await telemetry.finish()
    })
    const xadds = () => telemetry.recorder.spans.filter(({ name }) => name.startsWith('xadd '))
    const inRequest = <T>(run: () => Promise<T>): Promise<T> => {
      const span = trace.getTracer('test').startSpan('request', {}, ROOT_CONTEXT)
      return context.with(trace.setSpan(ROOT_CONTEXT, span), run).finally(() => {
        span.end()
      })
    }

    test('redis-streams-1: ioredis producer to node-redis consumer is one trace', async () => {
      const stream = scratch.stream()
      const id = await inRequest(() => traceProducer(scratch.ioredis()).xadd(stream, '*', 'task', 'bill'))
      const reader = await scratch.nodeRedis()
      const [message] = (await reader.xRange(stream, '-', '+')) ?? []
      const handle = traceHandler((m: StreamMessage<Record<string, unknown>>) => ({ ...m.message }), {
        stream,
        transitSpan: { minMs: 0 },
      })
      expect(handle(message as StreamMessage<Record<string, unknown>>)).toEqual({ task: 'bill' })
      expect(traceTree(telemetry.recorder.spans, { attributes: ['messaging.message.id'] })).toBe(
        [
          'request',
          `  xadd ${stream} [messaging.message.id=${id}]`,
          `    transit ${stream} [messaging.message.id=${id}]`,
          `    process ${stream} [messaging.message.id=${id}]`,
        ].join('\n'),
      )
    })

    test.each([
      ['node-redis 6', async () => scratch.nodeRedis()],
      ['node-redis 5', async () => scratch.nodeRedis5()],
      ['a pool of node-redis 6', async () => scratch.pool() as never],
    ])('redis-streams-1: %s producer to ioredis consumer is one trace', async (_name, open) => {
      const stream = scratch.stream()
      const client = traceProducer(await open())
      const id = await inRequest(() => client.xAdd(stream, '*', { task: 'bill' }))
      const handle = traceHandler(([, fields]) => fields, { stream, transitSpan: { minMs: 0 } })
      expect(handle(await entryOf(scratch.bare, stream, id))).toEqual(['task', 'bill'])
      expect(traceTree(telemetry.recorder.spans)).toBe(
        ['request', `  xadd ${stream}`, `    transit ${stream}`, `    process ${stream}`].join('\n'),
      )
      expect(xadds()[0]?.kind).toBe(SpanKind.PRODUCER)
      expect(xadds()[0]?.attributes['messaging.message.id']).toBe(id)
    })

    test('redis-streams-1: ioredis 5 is traced like ioredis 6', async () => {
      const stream = scratch.stream()
      const id = await traceProducer(scratch.ioredis5()).xadd(stream, '*', 'task', 'bill')
      const [, fields] = await entryOf(scratch.bare, stream, id)
      expect(namesOf(fields)).toEqual(['task', 'traceparent', 'waybill'])
      expect(xadds()[0]?.attributes).toMatchObject({
        'messaging.message.id': id,
        'server.address': new URL(url).hostname,
        'server.port': Number(new URL(url).port),
      })
    })

    test('redis-streams-13: callbacks, nested arrays, auto-pipelining, MULTI without pipeline: one span each', async () => {
      const stream = scratch.stream()
      const redis = traceProducer(scratch.ioredis())
      const called = await new Promise((resolve) => {
        void redis.xadd(stream, '*', 'a', '1', (_error: unknown, id: unknown) => {
          resolve(id)
        })
      })
      await (redis.xadd as Xadd)(stream, '*', ['a', '1'])
      await redis.multi({ pipeline: false })
      expect(await redis.xadd(stream, '*', 'a', '1')).toBe('QUEUED')
      await redis.exec()
      const spans = xadds()
      expect(spans.map((span) => span.attributes['messaging.message.id'])).toEqual([
        called,
        expect.stringMatching(/^\d+-\d+$/),
        undefined,
      ])
      telemetry.recorder.reset()
      const piped = traceProducer(scratch.ioredis({ enableAutoPipelining: true }))
      const ids = await Promise.all([piped.xadd(stream, '*', 'a', '1'), piped.xadd(stream, '*', 'a', '2')])
      expect(xadds().map((span) => span.attributes['messaging.message.id'])).toEqual(ids)
    })

    test("redis-streams-13: a callback takes an error as the bare client's does: no unhandled rejection", async () => {
      const key = scratch.stream()
      await scratch.bare.set(key, 'no stream')
      const unhandled: unknown[] = []
      const listen = (reason: unknown): void => void unhandled.push(reason)
      process.on('unhandledRejection', listen)
      const redis = traceProducer(scratch.ioredis())
      const error = await new Promise((resolve) => {
        void redis.xadd(key, '*', 'a', '1', resolve)
      })
      await new Promise(setImmediate)
      process.off('unhandledRejection', listen)
      expect(String(error)).toContain('WRONGTYPE')
      expect(unhandled).toEqual([])
      expect(xadds()[0]?.attributes['error.type']).toBe('ReplyError')
    })

    test('redis-streams-15: arguments are never written to; rejections and replies are those of the bare client', async () => {
      const stream = scratch.stream()
      const [redis, client] = [traceProducer(scratch.ioredis()), traceProducer(await scratch.nodeRedis())]
      const list = Object.freeze(['a', '1'])
      const record = Object.freeze({ a: '1' })
      const options = Object.freeze({ TRIM: Object.freeze({ strategy: 'MAXLEN' as const, threshold: 10 }) })
      await (redis.xadd as Xadd)(stream, '*', list)
      await client.xAdd(stream, '*', record, options)
      expect([list, record]).toEqual([['a', '1'], { a: '1' }])
      expect(await redis.xaddBuffer(stream, '*', 'a', '1')).toBeInstanceOf(Buffer)
      expect(xadds().map((span) => span.attributes['messaging.message.id'])).not.toContain(undefined)

      const [bareRedis, bareClient] = [scratch.bare, await scratch.nodeRedis()]
      for (const [traced, bare] of [
        [() => (redis.xadd as Xadd)(stream, '*', 'odd'), () => (bareRedis.xadd as Xadd)(stream, '*', 'odd')],
        [() => redis.xadd(stream, '0-0', 'a', '1'), () => bareRedis.xadd(stream, '0-0', 'a', '1')],
        [() => client.xAdd(stream, '0-0', { a: '1' }), () => bareClient.xAdd(stream, '0-0', { a: '1' })],
        [
          () => client.xAdd(stream, '*', { a: 1 } as never),
          () => bareClient.xAdd(stream, '*', { a: 1 } as never),
        ],
        [() => client.xAdd(stream, '*', {}), () => bareClient.xAdd(stream, '*', {})],
      ] as const) {
        const [got, expected] = await Promise.all([traced(), bare()].map((p) => p.catch((e: unknown) => e)))
        expect(got).toBeInstanceOf(Error)
        expect((got as Error).constructor.name).toBe((expected as Error).constructor.name)
        expect((got as Error).message.replace(/\[\d+\]/, '')).toBe(
          (expected as Error).message.replace(/\[\d+\]/, ''),
        )
      }
    })

    test('redis-streams-14: bytes are sent and delivered as they are, own fields in their order', async () => {
      const stream = scratch.stream()
      const blob = Buffer.from([0xff, 0x00, 0xfe])
      const id = await traceProducer(await scratch.nodeRedis()).xAdd(stream, '*', { b: 'x', blob, a: 'y' })
      const [raw] = (await scratch.bare.xrangeBuffer(stream, id, id)) as unknown as [StreamEntry<Buffer>]
      const handle = traceHandler(([, fields]: StreamEntry<Buffer>) => fields, { stream })
      expect(handle(raw)?.map((value, i) => (i === 3 ? value : String(value)))).toEqual([
        'b',
        'x',
        'blob',
        blob,
        'a',
        'y',
      ])
      const kept = traceHandler(([, fields]: StreamEntry<Buffer>) => fields, {
        stream,
        keepContextFields: true,
      })
      expect(namesOf(kept(raw) ?? [])).toEqual(['b', 'blob', 'a', 'traceparent', 'waybill'])
    })

    test('redis-streams-16: RESP3 replies and a key prefix: names of streams as the server has them', async () => {
      const prefix = `${scratch.stream()}:`
      const key = scratch.stream(`${prefix}jobs`)
      const redis = traceProducer(scratch.ioredis({ keyPrefix: prefix, replyMapping: 'resp3' } as object))
      const redis5 = traceProducer(scratch.ioredis5({ keyPrefix: prefix }))
      const client = traceProducer(await scratch.nodeRedis({ keyPrefix: prefix } as object))
      const ids = [
        await redis.xadd('jobs', '*', 'a', '1'),
        await redis5.xadd('jobs', '*', 'a', '2'),
        await client.xAdd('jobs', '*', { a: '3' }),
      ]
      expect(xadds().map(({ name }) => name)).toEqual(ids.map(() => `xadd ${key}`))
      expect((await scratch.bare.xrange(key, '-', '+')).map(([id]) => id)).toEqual(ids)
      const pool = await scratch.pool()
      await traceProducer(pool).xAdd(key, '*', { a: '4' })
      expect(xadds().at(-1)?.name).toBe(`xadd ${key}`)
    })

    test('redis-streams-16: whatever a type mapping makes of the fields, they are read, and the handler gets that shape', async () => {
      const stream = scratch.stream()
      await traceProducer(scratch.ioredis()).xadd(stream, '*', 'a', '1', '__proto__', 'x')
      const client = await scratch.nodeRedis()
      const seen: unknown[] = []
      const handle = traceHandler((m: StreamMessage) => void seen.push(m.message), { stream })
      // 36 is a bulk string, 37 a map; node-redis makes fields of a Map, an array or Buffers of them.
      for (const typeMapping of [{ 37: Map }, { 37: Array }, { 36: Buffer }, {}]) {
        const [message] = (await client.withTypeMapping(typeMapping as object).xRange(stream, '-', '+')) ?? []
        handle(message as unknown as StreamMessage)
      }
      expect(seen[0]).toEqual(new Map([['a', '1'], ['__proto__', 'x']])) // prettier-ignore
      expect(seen[1]).toEqual(['a', '1', '__proto__', 'x'])
      expect((seen[2] as { a: Buffer }).a).toEqual(Buffer.from('1'))
      expect(Object.keys(seen[2] as object)).not.toContain('traceparent')
      expect({ ...(seen[3] as object) }).toMatchObject({ a: '1' })
      const processes = telemetry.recorder.spans.filter(({ name }) => name.startsWith('process'))
      expect(processes.map((span) => span.parentSpanContext?.spanId)).toEqual(
        Array(4).fill(xadds()[0]?.spanContext().spanId),
      )
    })

    test('redis-streams-17: what derives from a node-redis client is traced, another client is not', async () => {
      const stream = scratch.stream()
      const client = await scratch.nodeRedis()
      const derivedBefore = client.asap()
      traceProducer(client)
      expect(traceProducer(client)).toBe(client)
      const buffers = client.withTypeMapping({ 36: Buffer })
      // The derived client's own options still count.
      expect(await buffers.xAdd(stream, '*', { a: '1' })).toBeInstanceOf(Buffer)
      await client.asap().XADD(stream, '*', { a: '1' })
      await derivedBefore.xAdd(stream, '*', { a: '1' })
      await client.xAddNoMkStream(stream, '*', { a: '1' })
      await client.withAbortSignal(new AbortController().signal).XADD_NOMKSTREAM(stream, '*', { a: '1' })
      expect(xadds()).toHaveLength(5)
      expect(new Set(xadds().map((span) => span.attributes['messaging.message.id'])).size).toBe(5)
      await (await scratch.nodeRedis()).xAdd(stream, '*', { a: '1' })
      await scratch.bare.xadd(stream, '*', 'a', '1')
      expect(xadds()).toHaveLength(5)
    })

    test('redis-streams-25: NOMKSTREAM on a missing stream ends the span without id and counts no message', async () => {
      const missing = scratch.stream()
      expect(await traceProducer(scratch.ioredis()).xadd(missing, 'NOMKSTREAM', '*', 'a', '1')).toBeNull()
      const client = traceProducer(await scratch.nodeRedis())
      expect(await client.xAddNoMkStream(missing, '*', { a: '1' })).toBeNull()
      expect(xadds()).toHaveLength(2)
      for (const { attributes } of xadds()) expect(attributes).not.toHaveProperty('messaging.message.id')
      expect(await telemetry.series('messaging.client.sent.messages')).toEqual([])
    })

    test('redis-streams-26: errors on spans never contain field values', async () => {
      const key = scratch.stream()
      await scratch.bare.set(key, 'no stream')
      const redis = traceProducer(scratch.ioredis())
      const client = traceProducer(await scratch.nodeRedis())
      await expect(redis.xadd(key, '*', 'card', '4111-1111')).rejects.toThrow('WRONGTYPE')
      await expect(client.xAdd(key, '*', { card: '4111-1111' })).rejects.toThrow('WRONGTYPE')
      expect(xadds().map((span) => span.attributes['error.type'])).toEqual(['ReplyError', 'SimpleError'])
      for (const { attributes, events, status } of xadds())
        expect(JSON.stringify([attributes, events, status])).not.toContain('4111')
    })

    // Redis before 8.6 does not know the words.
    if (claims)
      test('redis-streams-11: IDMPAUTO still deduplicates, and so does IDMP with an id', async () => {
        const stream = scratch.stream()
        const redis = traceProducer(scratch.ioredis())
        const client = traceProducer(await scratch.nodeRedis())
        const twice = async (add: () => Promise<unknown>): Promise<void> => {
          const [first, second] = [await add(), await add()]
          expect(second).toBe(first)
        }
        await twice(() => redis.xadd(stream, 'IDMPAUTO', 'p1', '*', 'a', '1'))
        await twice(() => client.xAdd(stream, '*', { a: '1' }, { IDMPAUTO: { pid: 'p2' } } as object))
        await twice(() => redis.xadd(stream, 'IDMP', 'p3', 'i1', '*', 'a', '1'))
        await twice(() => client.xAdd(stream, '*', { a: '1' }, { IDMP: { pid: 'p4', iid: 'i1' } } as object))
        const entries = await scratch.bare.xrange(stream, '-', '+')
        expect(entries.map(([, fields]) => namesOf(fields))).toEqual([
          ['a'],
          ['a'],
          ['a', 'traceparent', 'waybill'],
          ['a', 'traceparent', 'waybill'],
        ])
        expect(xadds()).toHaveLength(8)
      })
  })
})
