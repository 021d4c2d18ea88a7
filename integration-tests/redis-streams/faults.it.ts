import { setTimeout as delay } from 'node:timers/promises'
import { createConsumer, traceProducer, type ConsumedEntry } from '@waybill/redis-streams'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { installSdk, type TestTelemetry } from '../telemetry.ts'
import { consuming, until, untilCount, type Consuming } from './consuming.ts'
import { redisScratch, servers, type Scratch } from './scratch.ts'

describe.each(servers)('$title', ({ url, missing }) => {
  describe.skipIf(missing)('faults and the end', () => {
    let telemetry: TestTelemetry
    let scratch: Scratch
    let consumers: Consuming
    beforeEach(() => {
      telemetry = installSdk()
      scratch = redisScratch(url)
      consumers = consuming()
    })
    afterEach(async () => {
      await consumers.stop()
      await scratch.close()
      await telemetry.finish()
    })
    const pendingOf = async (stream: string) =>
      (await scratch.bare.xpending(stream, consumers.group))[0] as number
    const connections = async (): Promise<number> => {
      const list = (await scratch.bare.client('LIST')) as string
      return list.split('\n').filter((line) => line.includes(`name=${consumers.group}`)).length
    }
    const clients = [
      ['ioredis', () => Promise.resolve(scratch.ioredis())],
      ['node-redis', () => scratch.nodeRedis()],
    ] as const

    test.each(clients)(
      'redis-streams-9: %s: stream or group deleted while the read is BLOCKed: created again, nothing lost, said once',
      async (_name, open) => {
        const stream = scratch.stream()
        const seen: (string | undefined)[] = []
        const healed: string[] = []
        const consumer = await consumers.start({
          client: await open(),
          streams: [stream],
          blockMs: 400,
          handler: ({ fields }) => void seen.push(fields['n']),
        })
        consumer.on('healed', ({ from }) => healed.push(from))
        await scratch.bare.xadd(stream, '*', 'n', '1')
        await untilCount(seen, 1)
        await until(async () => {
          expect(await pendingOf(stream)).toBe(0)
        })
        await scratch.bare.del(stream)
        await scratch.bare.xadd(stream, '*', 'n', '2')
        await untilCount(seen, 2)
        expect(healed).toHaveLength(1)
        // Then the group alone: what it has had does not come again, what comes meanwhile does.
        const [last] = (await scratch.bare.xrevrange(stream, '+', '-', 'COUNT', 1)) as [[string, string[]]]
        await until(async () => {
          expect(await pendingOf(stream)).toBe(0)
        })
        await scratch.bare
          .multi()
          .xgroup('DESTROY', stream, consumers.group)
          .xadd(stream, '*', 'n', '3')
          .exec()
        await untilCount(seen, 3)
        expect(seen).toEqual(['1', '2', '3'])
        expect(healed).toEqual([expect.anything(), last[0]])
        expect(consumers.errors).toEqual([])
        expect(telemetry.warnings.filter((line) => line.includes('had gone'))).toHaveLength(1)
      },
    )

    test('redis-streams-9: the group is there already, or begins where it is told to', async () => {
      const stream = scratch.stream()
      const first = await scratch.bare.xadd(stream, '*', 'n', '1')
      await scratch.bare.xadd(stream, '*', 'n', '2')
      const seen: Record<string, (string | undefined)[]> = { all: [], after: [], new: [], there: [] }
      await scratch.bare.xgroup('CREATE', stream, 'there', first as string)
      for (const [group, from] of [
        ['all', '0'],
        ['after', first as string],
        ['new', '$'],
        ['there', '0'],
      ] as const) {
        // prettier-ignore
        await consumers.start({
          client: scratch.ioredis(),
          streams: [stream],
          group,
          from,
          handler: ({ fields }) => void seen[group]?.push(fields['n']),
        })
      }
      await scratch.bare.xadd(stream, '*', 'n', '3')
      await until(() => {
        expect(seen).toEqual({ all: ['1', '2', '3'], after: ['2', '3'], new: ['3'], there: ['2', '3'] })
      })
    })

    test.each(clients)(
      'redis-streams-10: %s: stop() drains: all that was delivered is handled and acknowledged, connections of ours are closed',
      async (_name, open) => {
        const stream = scratch.stream()
        const pipeline = scratch.bare.pipeline()
        for (let i = 0; i < 12; i++) pipeline.xadd(stream, '*', 'n', String(i))
        await pipeline.exec()
        const client = await open()
        // Duplicates of a named client have its name.
        const named =
          'options' in client && _name === 'ioredis'
            ? scratch.ioredis({ connectionName: consumers.group })
            : await scratch.nodeRedis({ name: consumers.group })
        const seen: string[] = []
        const consumer = await consumers.start({
          client: named,
          streams: [stream],
          concurrency: 2,
          count: 6,
          lag: true,
          handler: async ({ id }) => {
            await delay(10)
            seen.push(id)
          },
        })
        await until(async () => {
          expect(seen.length).toBeGreaterThan(0)
          await telemetry.series('waybill.consumer.lag')
          expect(await connections()).toBe(3)
        })
        const stopped: unknown[] = []
        consumer.on('stopped', (event) => stopped.push(event))
        const [result, again] = await Promise.all([consumer.stop(), consumer.stop()])
        expect(result).toEqual({ unfinished: 0 })
        expect(again).toBe(result)
        expect(stopped).toEqual([{ unfinished: 0 }])
        const handled = seen.length
        expect(handled % 6).toBe(0)
        expect(await pendingOf(stream)).toBe(0)
        await until(async () => {
          expect(await connections()).toBe(1)
        })
        // Nothing more is read or run.
        await scratch.bare.xadd(stream, '*', 'n', 'late')
        await delay(60)
        expect(seen).toHaveLength(handled)
      },
    )

    test('redis-streams-10: after the deadline: unseen entries are given back at once, uncounted; the running one is told', async () => {
      const stream = scratch.stream()
      for (let i = 0; i < 3; i++) await scratch.bare.xadd(stream, '*', 'n', String(i))
      let finish: () => void = () => undefined
      const running = new Promise<void>((resolve) => (finish = resolve))
      const entries: ConsumedEntry[] = []
      const consumer = await consumers.start({
        client: scratch.ioredis(),
        streams: [stream],
        concurrency: 1,
        count: 3,
        claim: { minIdleMs: 60_000 },
        handler: async (entry) => {
          entries.push(entry)
          await running
        },
      })
      await untilCount(entries, 1)
      expect(entries[0]?.signal.aborted).toBe(false)
      expect(await consumer.stop({ deadlineMs: 50 })).toEqual({ unfinished: 1 })
      expect(entries[0]?.signal.aborted).toBe(true)
      const rows = (await scratch.bare.xpending(stream, consumers.group, '-', '+', 10)) as [
        string,
        string,
        number,
        number,
      ][]
      expect(rows.map(([, , idle, count]) => [idle >= 60_000, count])).toEqual([
        [false, 1],
        [true, 0],
        [true, 0],
      ])
      // Another consumer needs not wait for them; to it they come for the first time.
      const taken: [string | undefined, number][] = []
      await consumers.start({
        client: scratch.ioredis(),
        streams: [stream],
        consumer: 'c2',
        claim: { minIdleMs: 60_000, everyMs: 20 },
        handler: ({ fields, attempt }) => void taken.push([fields['n'], attempt]),
      })
      await untilCount(taken, 2)
      expect(taken).toEqual([
        ['1', 1],
        ['2', 1],
      ])
      finish()
      // What finishes late is acknowledged all the same.
      await until(async () => {
        expect(await pendingOf(stream)).toBe(0)
      })
    })

    test('redis-streams-10: stop() before the first read, and `await using`', async () => {
      const stream = scratch.stream()
      const early = createConsumer({
        client: scratch.ioredis(),
        streams: [stream],
        group: 'g',
        handler: () => undefined,
      })
      expect(await early.stop()).toEqual({ unfinished: 0 })
      await early.ready()
      let stopped = 0
      {
        await using consumer = createConsumer({
          client: scratch.ioredis(),
          streams: [stream],
          group: 'g',
          blockMs: 20,
          handler: () => undefined,
        })
        consumer.on('stopped', () => stopped++)
        await consumer.ready()
      }
      expect(stopped).toBe(1)
    })

    test('a connection that is cut: it goes on, the error is told, nothing is lost', async () => {
      const stream = scratch.stream()
      for (const [i, client] of [
        scratch.ioredis({ connectionName: `${consumers.group}-0` }),
        await scratch.nodeRedis({ name: `${consumers.group}-1` }),
      ].entries()) {
        const seen: (string | undefined)[] = []
        const consumer = await consumers.start({
          client,
          streams: [stream],
          group: `${consumers.group}-${i}`,
          blockMs: 500,
          handler: ({ fields }) => void seen.push(fields['n']),
        })
        await scratch.bare.xadd(stream, '*', 'n', 'before')
        await until(() => {
          expect(seen.at(-1)).toBe('before')
        })
        const list = (await scratch.bare.client('LIST')) as string
        const ids = list
          .split('\n')
          .filter((line) => line.includes(`name=${consumers.group}-${i}`))
          .map((line) => /^id=(\d+)/.exec(line)?.[1] as string)
        expect(ids).toHaveLength(2)
        for (const id of ids) await scratch.bare.client('KILL', 'ID', Number(id))
        await scratch.bare.xadd(stream, '*', 'n', 'after')
        await until(() => {
          expect(seen.at(-1)).toBe('after')
        })
        await consumer.stop()
      }
    })

    test('listeners that throw, and a handler that throws nothing an error, disturb nobody', async () => {
      const stream = scratch.stream()
      const redis = traceProducer(scratch.ioredis())
      const events: string[] = []
      const consumer = createConsumer({
        client: scratch.ioredis(),
        streams: [stream],
        group: 'g',
        blockMs: 20,
        handler: ({ fields }) => {
          // eslint-disable-next-line no-throw-literal, @typescript-eslint/only-throw-error -- that is the case
          if (fields['n'] === '1') throw undefined
        },
      })
      const off = consumer.on('ready', () => void events.push('never'))
      off()
      consumer.on('processed', ({ entry }) => {
        events.push(`processed ${entry.fields['n']}`)
        throw new Error('listener')
      })
      consumer.on(
        'failed',
        ({ entry, error }) => void events.push(`failed ${entry.fields['n']} ${String(error)}`),
      )
      await consumer.ready()
      for (const n of ['1', '2']) await redis.xadd(stream, '*', 'n', n)
      await untilCount(events, 2)
      await consumer.stop()
      expect(events).toEqual(['failed 1 undefined', 'processed 2'])
      expect(telemetry.warnings).toEqual([expect.stringContaining("a listener of 'processed'")])
      const [failed] = telemetry.recorder.spans.filter(({ name }) => name.startsWith('process'))
      expect(failed?.attributes['error.type']).toBe('undefined')
    })
  })
})
