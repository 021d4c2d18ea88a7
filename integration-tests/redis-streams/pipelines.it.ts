import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { tracePipeline, traceProducer } from '@waybill/redis-streams'
import { context, propagation, ROOT_CONTEXT, trace } from '@opentelemetry/api'
import type { Redis } from 'ioredis'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { installSdk, type TestTelemetry } from '../telemetry.ts'
import { redisScratch, servers, type Scratch } from './scratch.ts'

describe.each(servers)('$title', ({ url, missing }) => {
  describe.skipIf(missing)('pipelines and transactions', () => {
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
    const ids = () => xadds().map((span) => span.attributes['messaging.message.id'])
    const errors = () => xadds().map((span) => span.attributes['error.type'])
    /** Each entry is added in a request of its own, with baggage of its own. */
    const inRequest = (tenant: string, run: () => unknown): string => {
      const span = trace.getTracer('test').startSpan('request', {}, ROOT_CONTEXT)
      const baggage = propagation.createBaggage({ tenant: { value: tenant } })
      context.with(propagation.setBaggage(trace.setSpan(ROOT_CONTEXT, span), baggage), run)
      span.end()
      return span.spanContext().traceId
    }
    const stored = async (stream: string) =>
      (await scratch.bare.xrange(stream, '-', '+')).map(([id, fields]) => {
        const value = (name: string) => fields[fields.indexOf(name) + 1]
        return { id, n: value('n'), trace: value('traceparent')?.slice(3, 35), baggage: value('baggage') }
      })

    test.each(['pipeline', 'multi'] as const)(
      'redis-streams-12: ioredis %s: one context an entry, taken when it is added; ids after exec',
      async (kind) => {
        const [stream, other] = [scratch.stream(), scratch.stream()]
        const redis = scratch.ioredis()
        const pipeline = redis[kind]()
        expect(tracePipeline(pipeline)).toBe(pipeline)
        expect(tracePipeline(pipeline)).toBe(pipeline)
        const traces = [
          inRequest('a', () => pipeline.xadd(stream, '*', 'n', '1')),
          inRequest('b', () => pipeline.set(other, 'x').xadd(stream, '*', 'n', '2')),
        ]
        expect(xadds()).toEqual([])
        const rows = await pipeline.exec()
        expect(rows?.map(([error]) => error)).toEqual([null, null, null])
        expect(ids()).toEqual([rows?.[0]?.[1], rows?.[2]?.[1]])
        expect(await stored(stream)).toEqual([
          { id: ids()[0], n: '1', trace: traces[0], baggage: 'tenant=a' },
          { id: ids()[1], n: '2', trace: traces[1], baggage: 'tenant=b' },
        ])
      },
    )

    test.each([
      ['a client of node-redis 6', () => scratch.nodeRedis()],
      ['a client of node-redis 5', () => scratch.nodeRedis5()],
      ['a pool of node-redis 6', () => scratch.pool() as never],
    ])('redis-streams-12: multi() of %s: one context an entry; ids after exec', async (_name, open) => {
      const [stream, other] = [scratch.stream(), scratch.stream()]
      const client = await open()
      for (const exec of ['exec', 'execAsPipeline', 'execTyped'] as const) {
        telemetry.recorder.reset()
        await scratch.bare.del(stream)
        const multi = tracePipeline(client.multi())
        const traces = [
          inRequest('a', () => multi.set(other, 'x').xAdd(stream, '*', { n: '1' })),
          inRequest('b', () => multi.XADD(stream, '*', { n: '2' })),
        ]
        const replies = (await multi[exec]()) as unknown[]
        expect(ids()).toEqual(replies.slice(1))
        expect(await stored(stream)).toEqual([
          { id: ids()[0], n: '1', trace: traces[0], baggage: 'tenant=a' },
          { id: ids()[1], n: '2', trace: traces[1], baggage: 'tenant=b' },
        ])
      }
    })

    test('redis-streams-12: a failed row fails its own span only', async () => {
      const [stream, text] = [scratch.stream(), scratch.stream()]
      await scratch.bare.set(text, 'no stream')
      const pipeline = tracePipeline(scratch.ioredis().pipeline())
      pipeline.xadd(stream, '*', 'n', '1').xadd(text, '*', 'n', '2').xadd(stream, '*', 'n', '3')
      await pipeline.exec()
      expect(errors()).toEqual([undefined, 'ReplyError', undefined])
      expect(JSON.stringify(xadds()[1]?.events)).toContain('WRONGTYPE')

      telemetry.recorder.reset()
      const multi = tracePipeline((await scratch.nodeRedis()).multi())
      multi.xAdd(stream, '*', { n: '4' }).xAdd(text, '*', { n: '5' }).xAdd(stream, '*', { n: '6' })
      await expect(multi.exec()).rejects.toThrow('commands failed')
      const byKey = Object.groupBy(xadds(), ({ name }) => name)
      expect(byKey[`xadd ${stream}`]?.map(({ attributes }) => attributes['error.type'])).toEqual([
        undefined,
        undefined,
      ])
      expect(byKey[`xadd ${text}`]?.map(({ attributes }) => attributes['error.type'])).toEqual([
        'SimpleError',
      ])
    })

    test('redis-streams-12: a failed WATCH ends all spans as errors', async () => {
      const [stream, watched] = [scratch.stream(), scratch.stream()]
      const redis = scratch.ioredis()
      await redis.watch(watched)
      await scratch.bare.set(watched, 'touched')
      const pipeline = tracePipeline(redis.multi())
      pipeline.xadd(stream, '*', 'n', '1').xadd(stream, '*', 'n', '2')
      expect(await pipeline.exec()).toBeNull()
      expect(errors()).toEqual(['watch_failed', 'watch_failed'])

      telemetry.recorder.reset()
      const client = await scratch.nodeRedis()
      await client.watch(watched)
      await scratch.bare.set(watched, 'again')
      const multi = tracePipeline(client.multi()).xAdd(stream, '*', { n: '3' })
      await expect(multi.exec()).rejects.toThrow('watched keys has been changed')
      expect(errors()).toEqual(['WatchError'])
      expect(await scratch.bare.exists(stream)).toBe(0)
      expect(await telemetry.series('messaging.client.sent.messages')).toEqual([])
    })

    test('redis-streams-12: EXECABORT ends all spans as errors', async () => {
      const stream = scratch.stream()
      const pipeline = tracePipeline(scratch.ioredis().multi())
      pipeline.xadd(stream, '*', 'n', '1')
      pipeline.call('NONSENSE').xadd(stream, '*', 'n', '2')
      await expect(pipeline.exec()).rejects.toThrow('EXECABORT')
      expect(errors()).toEqual(['ReplyError', 'ReplyError'])

      telemetry.recorder.reset()
      const client = await scratch.nodeRedis()
      const multi = tracePipeline(client.multi()).xAdd(stream, '*', { n: '1' })
      multi.addCommand(['NONSENSE']).xAdd(stream, '*', { n: '2' })
      await expect(multi.exec()).rejects.toThrow()
      expect(errors()).not.toContain(undefined)
      expect(xadds()).toHaveLength(2)
    })

    test('redis-streams-12: a discarded transaction ends its spans as errors', async () => {
      const stream = scratch.stream()
      const pipeline = tracePipeline(scratch.ioredis().multi())
      pipeline.xadd(stream, '*', 'n', '1').xadd(stream, '*', 'n', '2')
      pipeline.discard()
      expect(errors()).toEqual(['discarded', 'discarded'])
      await expect(pipeline.exec()).rejects.toThrow('EXEC without MULTI')
      expect(await scratch.bare.exists(stream)).toBe(0)
    })

    test('redis-streams-12: a pipeline that is dropped unexecuted leaks no span', async () => {
      setFlagsFromString('--expose-gc')
      const collect = runInNewContext('gc') as () => void
      const redis = scratch.ioredis()
      const client = await scratch.nodeRedis()
      ;(() => {
        tracePipeline(redis.pipeline()).xadd(scratch.stream(), '*', 'n', '1')
        tracePipeline(client.multi()).xAdd(scratch.stream(), '*', { n: '1' })
      })()
      await vi.waitFor(() => {
        collect()
        expect(errors()).toEqual(['never_executed', 'never_executed'])
      }, 5000)
    })

    test('redis-streams-12: exec with a callback, and a transaction within a pipeline', async () => {
      const stream = scratch.stream()
      const redis = scratch.ioredis()
      const pipeline = tracePipeline(redis.pipeline())
      const inner = (pipeline as unknown as Redis).multi().xadd(stream, '*', 'n', '1')
      expect(inner.exec()).toBe(pipeline)
      pipeline.xadd(stream, '*', 'n', '2')
      const rows = await new Promise<[unknown, unknown][]>((resolve) => {
        void pipeline.exec((_error, result) => {
          resolve(result ?? [])
        })
      })
      // Of the inner one the row says QUEUED; its id is in the row of EXEC.
      await vi.waitFor(() => {
        expect(ids()).toEqual([undefined, rows.at(-1)?.[1]])
      })
    })

    test('redis-streams-13: a traced client beside traced pipelines: still one span an entry', async () => {
      const stream = scratch.stream()
      const redis = traceProducer(scratch.ioredis({ enableAutoPipelining: true }))
      const pipeline = tracePipeline(redis.pipeline())
      pipeline.xadd(stream, '*', 'n', '1')
      await Promise.all([pipeline.exec(), redis.xadd(stream, '*', 'n', '2')])
      expect(xadds()).toHaveLength(2)
      expect(await scratch.bare.xlen(stream)).toBe(2)
    })
  })
})
