import { setTimeout as delay } from 'node:timers/promises'
import { traceProducer, type ConsumedEntry, type DeadLetter } from '@waybill/redis-streams'
import { context, propagation, ROOT_CONTEXT, trace } from '@opentelemetry/api'
import type { Redis } from 'ioredis'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { histogram, installSdk, type TestTelemetry } from '../telemetry.ts'
import { consuming, until, untilCount, type Consuming } from './consuming.ts'
import { entryOf, namesOf, redisScratch, servers, type Scratch } from './scratch.ts'

const CLAIM = { minIdleMs: 60, everyMs: 15 }

describe.each(servers)('$title', ({ url, missing, claims }) => {
  describe.skipIf(missing)('what was left pending', () => {
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
      await telemetry.finish()
    })
    const named = (prefix: string) =>
      telemetry.recorder.spans.filter(({ name }) => name.startsWith(`${prefix} `))
    const pendingOf = async (stream: string) =>
      (await scratch.bare.xpending(stream, consumers.group))[0] as number
    const nothingPending = (stream: string): Promise<void> =>
      until(async () => {
        expect(await pendingOf(stream)).toBe(0)
      })
    /** Reads as another consumer that then dies, so that entries are left pending. */
    const leavePending = async (stream: string): Promise<void> => {
      await scratch.bare.xgroup('CREATE', stream, consumers.group, '0', 'MKSTREAM')
      await scratch.bare.xreadgroup('GROUP', consumers.group, 'dead', 'COUNT', 100, 'STREAMS', stream, '>')
    }
    const clients = [
      ['ioredis', () => Promise.resolve(scratch.ioredis())],
      ['node-redis', () => scratch.nodeRedis()],
    ] as const

    test.each(clients)(
      `redis-streams-5: %s: an entry of a dead consumer is claimed by ${claims ? 'CLAIM' : 'XAUTOCLAIM'}: same trace, attempt 2, idle and age instead of a wait`,
      async (_name, open) => {
        const stream = scratch.stream()
        const id = await redis.xadd(stream, '*', 'n', '1')
        await leavePending(stream)
        const seen: ConsumedEntry[] = []
        const claimed: unknown[] = []
        // Where reads claim by themselves, the sweep is to have no part in it.
        const claim = claims ? { minIdleMs: 60, everyMs: 60_000 } : CLAIM
        const consumer = await consumers.start({
          client: await open(),
          streams: [stream],
          claim,
          handler: (entry) => void seen.push(entry),
        })
        consumer.on('claimed', (event) => claimed.push(event))
        await untilCount(seen, 1)
        await nothingPending(stream)
        expect(seen[0]).toMatchObject({ id, attempt: 2, idleMs: expect.any(Number) })
        expect(seen[0]?.idleMs).toBeGreaterThanOrEqual(60)
        expect(claimed).toEqual([{ stream, ids: [id] }])
        const [process] = named('process')
        expect(process?.parentSpanContext?.spanId).toBe(named('xadd')[0]?.spanContext().spanId)
        expect(process?.attributes).toMatchObject({
          'waybill.delivery.attempt': 2,
          'waybill.delivery.idle': (seen[0]?.idleMs ?? 0) / 1000,
          'waybill.transit.unknown': 'redelivered',
          'waybill.message.age': expect.any(Number),
        })
        expect(process?.attributes['waybill.message.age']).toBeGreaterThanOrEqual(0.06)
        expect(named('transit')).toEqual([])
        expect(await telemetry.series('waybill.transit.duration')).toEqual([])
      },
    )

    test.each(clients)(
      'redis-streams-6: %s: a poison entry goes to the dead letters after exactly 3 runs, with its context, and is acknowledged',
      async (_name, open) => {
        const [stream, dead] = [scratch.stream(), scratch.stream()]
        let runs = 0
        const letters: unknown[] = []
        const consumer = await consumers.start({
          client: await open(),
          streams: [stream],
          claim: CLAIM,
          maxDeliveries: 3,
          deadLetter: dead,
          handler: () => {
            runs++
            throw new RangeError('poison')
          },
        })
        consumer.on('deadLettered', ({ letter }) => letters.push(letter))
        const baggage = propagation.createBaggage({ tenant: { value: 'acme' } })
        const id = await context.with(propagation.setBaggage(ROOT_CONTEXT, baggage), () =>
          redis.xadd(stream, '*', 'n', '1', 'blob', 'x'),
        )
        await untilCount(letters, 1)
        await nothingPending(stream)
        expect(runs).toBe(3)
        expect(letters).toEqual([{ reason: 'handler_failed', deliveries: 3, error: expect.any(RangeError) }])
        const [[deadId, fields]] = (await scratch.bare.xrange(dead, '-', '+')) as [[string, string[]]]
        const [, original] = await entryOf(scratch.bare, stream, id)
        const at = (name: string, list = fields) => list[list.indexOf(name) + 1]
        expect(namesOf(fields)).toEqual([
          'n',
          'blob',
          'dead_letter_id',
          'dead_letter_stream',
          'dead_letter_group',
          'dead_letter_consumer',
          'dead_letter_reason',
          'dead_letter_deliveries',
          'dead_letter_error',
          'traceparent',
          'baggage',
          'waybill',
        ])
        const facts = [
          'dead_letter_id',
          id,
          'dead_letter_stream',
          stream,
          'dead_letter_group',
          consumers.group,
        ]
        facts.push('dead_letter_consumer', 'c1', 'dead_letter_reason', 'handler_failed')
        facts.push('dead_letter_deliveries', '3', 'dead_letter_error', 'RangeError: poison')
        expect(fields.slice(4, 18)).toEqual(facts)
        expect([at('traceparent'), at('baggage')]).toEqual([at('traceparent', original), 'tenant=acme'])
        const [sent, origin] = [/sent=(\d+)/, /origin=(\d+)/].map((part) =>
          Number(part.exec(at('waybill') ?? '')?.[1]),
        )
        expect(origin).toBe(Number(/sent=(\d+)/.exec(at('waybill', original) ?? '')?.[1]))
        expect(sent).toBeGreaterThan(origin ?? 0)

        // One trace: the attempts and the copy are siblings under the producer.
        const [first, copy, ...more] = named('xadd')
        expect(more).toEqual([])
        expect(copy?.name).toBe(`xadd ${dead}`)
        expect(copy?.attributes['messaging.message.id']).toBe(deadId)
        for (const span of [...named('process'), copy])
          expect(span?.parentSpanContext?.spanId).toBe(first?.spanContext().spanId)
        expect(
          named('process').map(({ attributes }) => [
            attributes['waybill.delivery.attempt'],
            attributes['waybill.delivery.outcome'],
            attributes['error.type'],
          ]),
        ).toEqual([
          [1, 'requeue', 'RangeError'],
          [2, 'requeue', 'RangeError'],
          [3, 'dead_lettered', 'RangeError'],
        ])

        // On the dead-letter stream it is a new entry with a wait of its own, in the same trace.
        await consumers.start({
          client: await open(),
          streams: [dead],
          group: 'undertaker',
          handler: () => undefined,
          transitSpan: { minMs: 0 },
        })
        await untilCount(() => named(`process`).filter(({ name }) => name === `process ${dead}`), 1)
        const last = named('process').at(-1)
        expect(last?.parentSpanContext?.spanId).toBe(first?.spanContext().spanId)
        expect(last?.attributes['waybill.transit.time']).toBeLessThan(1)
        const [journey] = await telemetry.series('waybill.journey.duration')
        expect(journey).toBeDefined()
      },
    )

    test('redis-streams-6: a function takes dead letters, in their context; what its consumers died with goes there too', async () => {
      const stream = scratch.stream()
      const id = await redis.xadd(stream, '*', 'n', '1')
      await leavePending(stream)
      // Two more deliveries that ended in nothing.
      for (let i = 0; i < 2; i++) await scratch.bare.xclaim(stream, consumers.group, 'dead', 0, id as string)
      let runs = 0
      const taken: [ConsumedEntry, DeadLetter, string | undefined][] = []
      await consumers.start({
        client: scratch.ioredis(),
        streams: [stream],
        claim: CLAIM,
        maxDeliveries: 3,
        deadLetter: (entry, letter) => {
          taken.push([entry, letter, trace.getActiveSpan()?.spanContext().traceId])
          // The first time it fails: then the entry stays and comes again.
          if (taken.length === 1) throw new Error('no room for dead letters')
        },
        handler: () => void runs++,
      })
      await untilCount(taken, 2)
      await nothingPending(stream)
      expect(runs).toBe(0)
      expect(taken.map(([entry]) => [entry.id, { ...entry.fields }])).toEqual([
        [id, { n: '1' }],
        [id, { n: '1' }],
      ])
      expect(taken[0]?.[1]).toEqual({ reason: 'not_acknowledged', deliveries: 3 })
      expect(taken[0]?.[2]).toBe(named('xadd')[0]?.spanContext().traceId)
      expect(consumers.errors.map(({ during }) => during)).toEqual(['dead letter'])
    })

    test('redis-streams-7: a crash between copy and acknowledgement loses nothing: a second copy at most', async () => {
      const [stream, dead] = [scratch.stream(), scratch.stream()]
      const id = await redis.xadd(stream, '*', 'n', '1')
      const options = {
        streams: [stream],
        claim: CLAIM,
        maxDeliveries: 1,
        deadLetter: dead,
        handler: () => {
          throw new Error('poison')
        },
      }
      // Its acknowledgements never arrive, as if it died after the copy.
      const client = scratch.ioredis()
      const { call } = client
      let acknowledged = 0
      client.call = ((name: string, ...args: string[]) => {
        if (name !== 'XACK') return call.apply(client, [name, ...args])
        acknowledged++
        return new Promise(() => undefined)
      }) as typeof client.call
      const crashed = await consumers.start({ ...options, client, claim: false })
      await until(() => {
        expect(acknowledged).toBe(1)
      })
      void crashed.stop({ deadlineMs: 1 })
      expect(await scratch.bare.xlen(dead)).toBe(1)
      expect(await pendingOf(stream)).toBe(1)
      await consumers.start({ ...options, client: scratch.ioredis(), consumer: 'c2' })
      await nothingPending(stream)
      const copies = await scratch.bare.xrange(dead, '-', '+')
      expect(copies.map(([, fields]) => fields[fields.indexOf('dead_letter_id') + 1])).toEqual([id, id])
    })

    test.each(clients)(
      'redis-streams-8: %s: deleted and trimmed pending entries are forgotten, and the rest is handled',
      async (_name, open) => {
        const stream = scratch.stream()
        const ids = []
        for (let i = 0; i < 4; i++) ids.push(await redis.xadd(stream, '*', 'n', String(i)))
        await leavePending(stream)
        await scratch.bare.xdel(stream, ids[1] as string)
        await scratch.bare.xtrim(stream, 'MAXLEN', 2) // takes the first
        const seen: string[] = []
        const deleted: string[] = []
        const consumer = await consumers.start({
          client: await open(),
          streams: [stream],
          claim: CLAIM,
          handler: ({ id }) => void seen.push(id),
        })
        consumer.on('deleted', (event) => deleted.push(...event.ids))
        await nothingPending(stream)
        await untilCount(seen, 2)
        expect(seen.toSorted()).toEqual(ids.slice(2))
        expect(deleted.toSorted()).toEqual(ids.slice(0, 2))
        expect(named('process')).toHaveLength(2)
        expect(consumers.errors).toEqual([])
      },
    )

    test('redis-streams-27: a handler longer than minIdleMs is not handled twice, and its count does not rise', async () => {
      const stream = scratch.stream()
      const seen: string[] = []
      const counts: number[] = []
      const options = {
        streams: [stream],
        // Long against what a busy machine may keep a timer waiting.
        claim: { minIdleMs: 300, everyMs: 40 },
        handler: async ({ id }: ConsumedEntry) => {
          seen.push(id)
          await delay(900)
          const rows = (await scratch.bare.xpending(stream, consumers.group, id, id, 1)) as [
            [string, string, number, number],
          ]
          counts.push(rows[0][3])
        },
      }
      await consumers.start({ ...options, client: scratch.ioredis() })
      await consumers.start({ ...options, client: await scratch.nodeRedis(), consumer: 'c2' })
      await redis.xadd(stream, '*', 'n', '1')
      await untilCount(counts, 1)
      await nothingPending(stream)
      expect(seen).toHaveLength(1)
      expect(counts).toEqual([1])

      // Without the heartbeat it is taken over: that is what it is for.
      await consumers.stop()
      const other = scratch.stream()
      const twice: string[] = []
      const takenOver = Promise.withResolvers<void>()
      const lazy = {
        streams: [other],
        claim: { ...CLAIM, heartbeat: false },
        handler: async ({ id, attempt }: ConsumedEntry) => {
          twice.push(`${id} ${attempt}`)
          if (attempt === 1) await takenOver.promise
          else takenOver.resolve()
        },
      }
      await consumers.start({ ...lazy, client: scratch.ioredis(), claim: false })
      const id = await redis.xadd(other, '*', 'n', '1')
      await untilCount(twice, 1)
      await consumers.start({ ...lazy, client: scratch.ioredis(), consumer: 'c2' })
      await untilCount(twice, 2)
      expect(twice).toEqual([`${id} 1`, `${id} 2`])
      await nothingPending(other)
    })

    test('redis-streams-27: a consumer does not take what it has in hand itself', async () => {
      const stream = scratch.stream()
      const seen: number[] = []
      await consumers.start({
        client: scratch.ioredis(),
        streams: [stream],
        claim: { ...CLAIM, heartbeat: false },
        handler: async ({ attempt }) => {
          seen.push(attempt)
          await delay(4 * CLAIM.minIdleMs)
        },
      })
      await redis.xadd(stream, '*', 'n', '1')
      await untilCount(seen, 1)
      await nothingPending(stream)
      expect(seen).toEqual([1])
    })

    test('redis-streams-29: a failed entry comes again after minIdleMs; its wait is counted once', async () => {
      const stream = scratch.stream()
      const seen: number[] = []
      await consumers.start({
        client: await scratch.nodeRedis(),
        streams: [stream],
        claim: CLAIM,
        handler: ({ attempt }) => {
          seen.push(attempt)
          if (attempt < 3) throw new Error('not yet')
        },
      })
      await redis.xadd(stream, '*', 'n', '1')
      await untilCount(seen, 3)
      await nothingPending(stream)
      expect(seen).toEqual([1, 2, 3])
      const [transit] = await telemetry.series('waybill.transit.duration')
      expect(histogram(transit).count).toBe(1)
    })
  })
})
