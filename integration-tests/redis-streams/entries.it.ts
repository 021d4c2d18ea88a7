import { setTimeout as delay } from 'node:timers/promises'
import { traceHandler, traceProducer, type StreamEntry } from '@waybill/redis-streams'
import { context, propagation, ROOT_CONTEXT, trace } from '@opentelemetry/api'
import type { Redis } from 'ioredis'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { expectBetween } from '../bounds.ts'
import { histogram, installSdk, type TestTelemetry } from '../telemetry.ts'
import { entryOf, namesOf, redisScratch, servers, type Scratch } from './scratch.ts'

const FOREIGN = `00-${'a'.repeat(31)}1-${'b'.repeat(15)}1-01`

describe.each(servers)('$title', ({ url, missing }) => {
  describe.skipIf(missing)('entries', () => {
    let telemetry: TestTelemetry
    let scratch: Scratch
    let redis: Redis
    beforeEach(() => {
      telemetry = installSdk()
      scratch = redisScratch(url)
      redis = traceProducer(scratch.ioredis())
    })
    afterEach(async () => {
      await scratch.close()
      await telemetry.finish()
    })
    const named = (prefix: string) =>
      telemetry.recorder.spans.filter(({ name }) => name.startsWith(`${prefix} `))
    /** Handles one entry as new, and gives the attributes of its process span. */
    const handled = (entry: StreamEntry, stream: string) => {
      traceHandler(() => undefined, { stream, group: 'g', transitSpan: { minMs: 0 } })(entry)
      return named('process').at(-1)?.attributes ?? {}
    }

    test('redis-streams-2: a hand-written traceparent is continued, whatever the order of the fields', async () => {
      const stream = scratch.stream()
      const id = await scratch.bare.xadd(
        stream,
        '*',
        'baggage',
        'tenant=acme',
        'TraceParent',
        FOREIGN,
        'a',
        '1',
      )
      const seen: unknown[] = []
      const handle = traceHandler(
        ([, fields]) => void seen.push(fields, propagation.getActiveBaggage()?.getEntry('tenant')?.value),
        { stream },
      )
      handle(await entryOf(scratch.bare, stream, id))
      expect(seen).toEqual([['a', '1'], 'acme'])
      expect(named('process')[0]?.parentSpanContext).toMatchObject({
        traceId: FOREIGN.slice(3, 35),
        spanId: FOREIGN.slice(36, 52),
      })
    })

    test('redis-streams-2: what we write is read by name from plain fields', async () => {
      const stream = scratch.stream()
      const id = await redis.xadd(stream, '*', 'a', '1')
      const [, fields] = await entryOf(scratch.bare, stream, id)
      const [sent] = named('xadd')
      const { traceId, spanId } = sent?.spanContext() ?? { traceId: '', spanId: '' }
      expect(fields[fields.indexOf('traceparent') + 1]).toBe(`00-${traceId}-${spanId}-01`)
      expect(fields[fields.indexOf('waybill') + 1]).toMatch(/^sent=\d{13};origin=\d{13}$/)
    })

    test('redis-streams-2: a JSON payload as carrier: read and written by option, the payload kept as it is', async () => {
      const stream = scratch.stream()
      const carrier = { json: 'payload' }
      const traced = traceProducer(scratch.ioredis(), { carrier })
      const payload = '{"customer": 12345678901234567890, "task":"bill"}'
      const id = await traced.xadd(stream, '*', 'payload', payload)
      const entry = await entryOf(scratch.bare, stream, id)
      expect(namesOf(entry[1])).toEqual(['payload'])
      expect(entry[1][1]?.startsWith(payload.slice(0, -1))).toBe(true)
      expect(JSON.parse(entry[1][1] ?? '')).toMatchObject({ task: 'bill', traceparent: expect.any(String) })
      traceHandler(() => undefined, { stream, carrier })(entry)
      expect(named('process')[0]?.parentSpanContext?.spanId).toBe(named('xadd')[0]?.spanContext().spanId)

      // Without such a field there is one of our own, and the handler does not see it.
      const other = await entryOf(scratch.bare, stream, await traced.xadd(stream, '*', 'a', '1'))
      expect(namesOf(other[1])).toEqual(['a', 'payload'])
      expect(traceHandler(([, fields]) => fields, { stream, carrier })(other)).toEqual(['a', '1'])
      expect(named('process')[1]?.parentSpanContext?.spanId).toBe(named('xadd')[1]?.spanContext().spanId)

      // A foreign JSON with a context, and texts that hold none.
      const foreign: StreamEntry = ['1-1', ['payload', JSON.stringify({ traceparent: FOREIGN, a: 1 })]]
      traceHandler(() => undefined, { stream, carrier })(foreign)
      expect(named('process')[2]?.spanContext().traceId).toBe(FOREIGN.slice(3, 35))
      for (const text of ['', 'plain', '[1]', 'null', '{"a":']) {
        const kept = await entryOf(scratch.bare, stream, await traced.xadd(stream, '*', 'payload', text))
        expect(traceHandler(([, fields]) => fields, { stream, carrier })(kept)).toEqual(['payload', text])
      }
    })

    test('redis-streams-2: a carrier of functions, for any other layout; one that throws breaks nothing', async () => {
      const stream = scratch.stream()
      const carrier = {
        get: (fields: readonly unknown[]) =>
          Object.fromEntries(namesOf(fields).map((name, i) => [name.replace('ctx-', ''), fields[2 * i + 1]])),
        set: (fields: readonly unknown[], fresh: Readonly<Record<string, string>>) => [
          ...fields,
          ...Object.entries(fresh).flatMap(([name, value]) => [`ctx-${name}`, value]),
        ],
      }
      const client = traceProducer(await scratch.nodeRedis(), { carrier })
      const entry = await entryOf(scratch.bare, stream, await client.xAdd(stream, '*', { a: '1' }))
      expect(namesOf(entry[1])).toEqual(['a', 'ctx-traceparent', 'ctx-waybill'])
      traceHandler(() => undefined, { stream, carrier })(entry)
      expect(named('process')[0]?.parentSpanContext?.spanId).toBe(named('xadd')[0]?.spanContext().spanId)

      const broken = {
        get: (): never => {
          throw new Error('get')
        },
        set: (): never => {
          throw new Error('set')
        },
      }
      const id = await traceProducer(scratch.ioredis(), { carrier: broken }).xadd(stream, '*', 'a', '2')
      const handle = traceHandler(([, fields]) => fields, { stream, carrier: broken })
      expect(handle(await entryOf(scratch.bare, stream, id))).toEqual(['a', '2'])
      expect(telemetry.warnings).toHaveLength(2)
    })

    test('redis-streams-3: the wait of a parked entry is what it truly waited', async () => {
      const stream = scratch.stream()
      const id = await redis.xadd(stream, '*', 'a', '1')
      await delay(300)
      const entry = await entryOf(scratch.bare, stream, id)
      const waited = (): number => (Date.now() - Number(id?.split('-')[0])) / 1000
      let most = 0
      const least = waited()
      traceHandler(() => void (most = waited()), { stream })(entry)
      const time = named('process')[0]?.attributes['waybill.transit.time'] as number
      expect(least).toBeGreaterThanOrEqual(0.299)
      expectBetween(time, least, most)
      expect(named('transit')[0]?.attributes).toMatchObject({
        'waybill.transit.clock': 'broker',
        'waybill.transit.time': time,
      })
      const [series] = await telemetry.series('waybill.transit.duration')
      expect(histogram(series)).toMatchObject({ count: 1, sum: time })
    })

    test('redis-streams-4: ids that are no clock give no sample of their own; the stamp of the producer counts', async () => {
      for (const explicit of ['5-1', `${Date.now() + 3_600_000}-0`]) {
        const stream = scratch.stream()
        const id = await redis.xadd(stream, explicit, 'a', '1')
        const stamped = handled(await entryOf(scratch.bare, stream, id), stream)
        expect(stamped['waybill.transit.time']).toBeLessThan(1)
        expect(stamped['waybill.transit.time']).toBeGreaterThanOrEqual(0)
        expect(stamped).not.toHaveProperty('waybill.transit.client_wait')
        expect(named('transit').at(-1)?.attributes['waybill.transit.clock']).toBe('producer')
        // After an id in the future the server's own ids go on from there.
        const bare = await scratch.bare.xadd(stream, '*', 'a', '1')
        const unknown = handled(await entryOf(scratch.bare, stream, bare), stream)
        if (explicit === '5-1') expect(unknown['waybill.transit.time']).toBeLessThan(1)
        else expect(unknown['waybill.transit.unknown']).toBe('no_timestamp')
      }
      const old = scratch.stream()
      const fiveDays = await redis.xadd(old, `${Date.now() - 432_000_000}-0`, 'a', '1')
      expect(handled(await entryOf(scratch.bare, old, fiveDays), old)['waybill.transit.time']).toBeLessThan(1)
      const [series] = await telemetry.series('waybill.transit.duration')
      expect(histogram(series).max).toBeLessThan(1)
      expect(histogram(series).min).toBeGreaterThanOrEqual(0)
    })

    test('redis-streams-5: claimed and re-read entries: attempt, idle time and age, no wait', async () => {
      const stream = scratch.stream()
      const entry = await entryOf(scratch.bare, stream, await redis.xadd(stream, '*', 'a', '1'))
      const handle = traceHandler(() => undefined, { stream, group: 'workers', consumer: 'c1' })
      handle(entry, { attempt: 3, idleMs: 1500 })
      handle(entry, { redelivered: true })
      // As XREADGROUP … CLAIM delivers it.
      handle([...entry, 2500, 1] as unknown as StreamEntry)
      const [third, again, claimed] = named('process').map(({ attributes }) => attributes)
      expect(third).toMatchObject({
        'waybill.delivery.attempt': 3,
        'waybill.delivery.idle': 1.5,
        'waybill.transit.unknown': 'redelivered',
        'waybill.message.age': expect.any(Number),
        'messaging.consumer.group.name': 'workers',
        'messaging.client.id': 'c1',
      })
      expect(again).not.toHaveProperty('waybill.delivery.attempt')
      expect(again?.['waybill.transit.unknown']).toBe('redelivered')
      expect(claimed).toMatchObject({ 'waybill.delivery.attempt': 2, 'waybill.delivery.idle': 2.5 })
      expect(await telemetry.series('waybill.transit.duration')).toEqual([])
    })

    test('redis-streams-8: a deleted entry reaches the handler and makes no span', async () => {
      const stream = scratch.stream()
      expect(traceHandler((entry) => entry, { stream })(['1-1', null])).toEqual(['1-1', null])
      expect(telemetry.recorder.started).toBe(0)
    })

    test('redis-streams-21: the wait between read and handler is told apart', async () => {
      const stream = scratch.stream()
      const called = Date.now()
      const entry = await entryOf(scratch.bare, stream, await redis.xadd(stream, '*', 'a', '1'))
      const readAt = Date.now()
      await delay(50)
      traceHandler(() => undefined, { stream })(entry, { readAt })
      const attributes = named('process')[0]?.attributes ?? {}
      expect(attributes['waybill.transit.local_wait']).toBeGreaterThanOrEqual(0.049)
      expectBetween(attributes['waybill.transit.broker_wait'] as number, 0, (readAt - called) / 1000)
      expect(attributes['waybill.transit.time']).toBeGreaterThanOrEqual(0.049)
    })

    test('redis-streams-23: an application-set traceparent stays the only one, is linked, and is continued', async () => {
      const stream = scratch.stream()
      const client = traceProducer(await scratch.nodeRedis())
      const span = trace.getTracer('test').startSpan('request', {}, ROOT_CONTEXT)
      const ids = await context.with(trace.setSpan(ROOT_CONTEXT, span), async () => [
        await redis.xadd(stream, '*', 'traceparent', FOREIGN, 'a', '1'),
        await client.xAdd(stream, '*', { traceparent: FOREIGN, a: '1' }),
      ])
      span.end()
      for (const [i, id] of ids.entries()) {
        const entry = await entryOf(scratch.bare, stream, id)
        expect(namesOf(entry[1])).toEqual(['traceparent', 'a', 'waybill'])
        expect(entry[1][1]).toBe(FOREIGN)
        expect(named('xadd')[i]?.links.map((link) => link.context.spanId)).toEqual([FOREIGN.slice(36, 52)])
        handled(entry, stream)
        expect(named('process').at(-1)?.parentSpanContext?.spanId).toBe(FOREIGN.slice(36, 52))
      }
    })

    test('redis-streams-28: a replay: link mode, age, no wait', async () => {
      const stream = scratch.stream()
      const entry = await entryOf(scratch.bare, stream, await redis.xadd(stream, '*', 'a', '1'))
      traceHandler(() => undefined, { stream })(entry, { replayed: true })
      const [replayed] = named('process')
      const [sent] = named('xadd')
      expect(replayed?.parentSpanContext).toBeUndefined()
      expect(replayed?.links.map((link) => link.context.spanId)).toEqual([sent?.spanContext().spanId])
      expect(replayed?.attributes).toMatchObject({
        'waybill.transit.unknown': 'replayed',
        'waybill.message.age': expect.any(Number),
      })
      expect(replayed?.attributes).not.toHaveProperty('waybill.delivery.attempt')

      // Read without a group, an entry of more than a day is taken for one; in a group it has waited.
      const old = scratch.stream()
      const dayOld = Date.now() - 90_000_000
      const id = await traceProducer(scratch.ioredis(), { now: () => dayOld }).xadd(
        old,
        `${dayOld}-0`,
        'a',
        '1',
      )
      const aged = await entryOf(scratch.bare, old, id)
      traceHandler(() => undefined, { stream: old })(aged)
      expect(named('process')[1]?.attributes).toMatchObject({
        'waybill.transit.unknown': 'replayed',
        'waybill.message.age': expect.closeTo(90_000, -2),
      })
      expect(named('process')[1]?.links).toHaveLength(1)
      expect(await telemetry.series('waybill.transit.duration')).toEqual([])
      expect(handled(aged, old)['waybill.transit.time']).toBeCloseTo(90_000, -2)
    })

    test('redis-streams-29: metrics of unsampled traces; a template keeps tenants out of them', async () => {
      await telemetry.uninstall()
      telemetry = installSdk({ sampled: false })
      const stream = scratch.stream()
      const template = (name: string) => (name === stream ? 'jobs:{tenant}' : undefined)
      const traced = traceProducer(scratch.ioredis(), { template })
      const entry = await entryOf(scratch.bare, stream, await traced.xadd(stream, '*', 'a', '1'))
      traceHandler(() => undefined, { stream, group: 'g', template: 'jobs:{tenant}' })(entry)
      expect(telemetry.recorder.started).toBe(0)
      for (const [name, count] of [
        ['messaging.client.sent.messages', 1],
        ['messaging.client.consumed.messages', 1],
        ['messaging.process.duration', undefined],
        ['waybill.transit.duration', undefined],
      ] as const) {
        const [series] = await telemetry.series(name)
        expect(series?.attributes, name).toMatchObject({ 'messaging.destination.template': 'jobs:{tenant}' })
        expect(JSON.stringify(series?.attributes)).not.toContain(stream)
        expect(count === undefined ? histogram(series).count : series?.value).toBe(1)
      }
    })

    test('redis-streams-24: nothing empty is written, in one order; bytes an entry as told', async () => {
      const memory = async (add: (stream: string, pipeline: ReturnType<Redis['pipeline']>) => unknown) => {
        const stream = scratch.stream()
        for (let i = 0; i < 20; i++) {
          const pipeline = scratch.bare.pipeline()
          for (let j = 0; j < 250; j++) add(stream, pipeline)
          await pipeline.exec()
        }
        const bytes = (await scratch.bare.memory('USAGE', stream, 'SAMPLES', 0)) as number
        return bytes / 5000
      }
      const payload = 'x'.repeat(64)
      // What is written is taken from a traced client once, since only the server's bytes are to be compared.
      const fieldsOf = async (waybill: boolean, run = (send: () => Promise<unknown>) => send()) => {
        const stream = scratch.stream()
        const traced = traceProducer(scratch.ioredis(), { waybill })
        await run(() => traced.xadd(stream, '*', 'payload', payload))
        const [[, fields]] = (await scratch.bare.xrange(stream, '-', '+')) as [[string, string[]]]
        return fields
      }
      const lean = await fieldsOf(false)
      const full = await fieldsOf(true)
      expect(namesOf(lean)).toEqual(['payload', 'traceparent'])
      expect(namesOf(full)).toEqual(['payload', 'traceparent', 'waybill'])
      const tenant = propagation.createBaggage({ tenant: { value: 'acme' } })
      const withBaggage = await fieldsOf(true, (send) =>
        context.with(propagation.setBaggage(ROOT_CONTEXT, tenant), send),
      )
      expect(namesOf(withBaggage)).toEqual(['payload', 'traceparent', 'baggage', 'waybill'])

      const [none, one, both] = [
        await memory((stream, pipeline) => pipeline.xadd(stream, '*', 'payload', payload)),
        await memory((stream, pipeline) => pipeline.xadd(stream, '*', ...lean)),
        await memory((stream, pipeline) => pipeline.xadd(stream, '*', ...full)),
      ]
      expect(one - none).toBeLessThanOrEqual(65)
      expect(both - none).toBeLessThanOrEqual(110)
      console.log(
        `bytes an entry: ${none.toFixed(0)}, traceparent ${one.toFixed(0)}, and waybill ${both.toFixed(0)}`,
      )
    })

    test('traced twice is traced once; fields that do not parse go to the client untouched', async () => {
      const stream = scratch.stream()
      expect(traceProducer(redis)).toBe(redis)
      await redis.xadd(stream, '*', 'a', '1')
      await expect(
        (redis.xadd as (...args: unknown[]) => Promise<unknown>)(stream, '*', 'odd'),
      ).rejects.toThrow('wrong number of arguments')
      expect(telemetry.recorder.spans.map(({ name }) => name)).toEqual([`xadd ${stream}`])
    })
  })
})
