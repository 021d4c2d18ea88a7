import { randomUUID } from 'node:crypto'
import { traceHandler, traceProducer, type StreamEntry } from '@waybill/redis-streams'
import { Redis } from 'ioredis'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, inject, test } from 'vitest'
import { installSdk, type TestTelemetry } from '../telemetry.ts'

const broker = inject('brokers').redis

describe.skipIf('missing' in broker)('redis-streams on a real Redis', () => {
  const url = 'url' in broker ? broker.url : ''
  const stream = `stream-${randomUUID()}`
  const prefix = `tenant-${randomUUID()}:`
  let bare: Redis
  let redis: Redis
  let telemetry: TestTelemetry
  beforeAll(() => {
    bare = new Redis(url)
    redis = traceProducer(new Redis(url))
  })
  afterAll(async () => {
    await bare.del(stream, `${prefix}jobs`)
    bare.disconnect()
    redis.disconnect()
  })
  beforeEach(() => {
    telemetry = installSdk()
  })
  afterEach(async () => {
    expect(telemetry.recorder.open).toEqual([])
    await telemetry.uninstall()
  })
  const span = (name: string) => telemetry.recorder.spans.find((s) => s.name.startsWith(name))
  const entryOf = async (id: string | null, key = stream): Promise<StreamEntry> =>
    (await bare.xrange(key, id ?? '', id ?? ''))[0] as StreamEntry

  test('the entry id is the message id on both sides, and the server is named', async () => {
    const id = await redis.xadd(stream, '*', 'a', '1')
    traceHandler(() => undefined, { stream })(await entryOf(id))
    expect(span('xadd')?.attributes['messaging.message.id']).toBe(id)
    expect(span('process')?.attributes['messaging.message.id']).toBe(id)
    expect(span('xadd')?.attributes).toMatchObject({
      'server.address': new URL(url).hostname,
      'server.port': Number(new URL(url).port),
    })
  })

  test('our fields come after the own ones, in a fixed order, and empty ones are not written', async () => {
    const [, fields] = await entryOf(await redis.xadd(stream, '*', 'a', '1', 'b', '2'))
    expect(fields?.filter((_, i) => i % 2 === 0)).toEqual(['a', 'b', 'traceparent', 'waybill'])
  })

  test('the handler sees the own fields only; all of them on request; bytes as they were sent', async () => {
    const id = await redis.xadd(stream, '*', 'a', '1', 'blob', Buffer.from([0xff, 0x00, 0xfe]))
    const [, seen] = traceHandler((entry) => entry, { stream })(await entryOf(id))
    expect(seen?.slice(0, 3)).toEqual(['a', '1', 'blob'])
    expect(seen).toHaveLength(4)
    const [, kept] = traceHandler((entry) => entry, { stream, keepContextFields: true })(await entryOf(id))
    expect(kept).toContain('traceparent')
    const raw = (await bare.xrangeBuffer(stream, id ?? '', id ?? ''))[0] as unknown as StreamEntry<Buffer>
    const [, bytes] = traceHandler((entry: StreamEntry<Buffer>) => entry, { stream })(raw)
    expect(bytes?.[3]).toEqual(Buffer.from([0xff, 0x00, 0xfe]))
  })

  test('claimed and re-read entries: attempt and age, no wait', async () => {
    const entry = await entryOf(await redis.xadd(stream, '*', 'a', '1'))
    const handle = traceHandler(() => undefined, { stream, group: 'workers', consumer: 'c1' })
    handle(entry, { attempt: 3 })
    handle(entry, { redelivered: true })
    const [third, again] = telemetry.recorder.spans.filter((s) => s.name.startsWith('process'))
    expect(third?.attributes).toMatchObject({
      'waybill.delivery.attempt': 3,
      'waybill.transit.unknown': 'redelivered',
      'messaging.consumer.group.name': 'workers',
      'messaging.client.id': 'c1',
    })
    expect(again?.attributes).not.toHaveProperty('waybill.delivery.attempt')
    expect(again?.attributes['waybill.transit.unknown']).toBe('redelivered')
    expect(await telemetry.series('waybill.transit.duration')).toEqual([])
  })

  test('a deleted entry reaches the handler and makes no span', () => {
    expect(traceHandler((entry) => entry, { stream })(['1-1', null])).toEqual(['1-1', null])
    expect(telemetry.recorder.started).toBe(0)
  })

  test('with an id set by hand the stamp of the producer is used', async () => {
    const own = `stream-${randomUUID()}`
    const id = await redis.xadd(own, '5-1', 'a', '1')
    traceHandler(() => undefined, { stream: own, transitSpan: { minMs: 0 } })(await entryOf(id, own))
    await bare.del(own)
    expect(span('transit')?.attributes['waybill.transit.clock']).toBe('producer')
    expect(span('transit')?.attributes['waybill.transit.time']).toBeLessThan(5)
  })

  test('NOMKSTREAM on a missing stream: no id, no message counted', async () => {
    expect(await redis.xadd(`missing-${randomUUID()}`, 'NOMKSTREAM', '*', 'a', '1')).toBeNull()
    expect(span('xadd')?.attributes).not.toHaveProperty('messaging.message.id')
    expect(await telemetry.series('messaging.client.sent.messages')).toEqual([])
  })

  test('keyPrefix is part of the destination on both sides', async () => {
    const prefixed = traceProducer(new Redis(url, { keyPrefix: prefix }))
    await prefixed.xadd('jobs', '*', 'a', '1')
    prefixed.disconnect()
    expect(span('xadd')?.attributes['messaging.destination.name']).toBe(`${prefix}jobs`)
  })

  test('callbacks, nested arrays and MULTI without pipeline: one span each, never QUEUED as an id', async () => {
    const called = await new Promise((resolve) => {
      void redis.xadd(stream, '*', 'a', '1', (_error: unknown, id: unknown) => {
        resolve(id)
      })
    })
    expect(called).toMatch(/^\d+-\d+$/)
    await (redis.xadd as (...args: unknown[]) => Promise<unknown>)(stream, '*', ['a', '1'])
    await redis.multi({ pipeline: false })
    expect(await redis.xadd(stream, '*', 'a', '1')).toBe('QUEUED')
    await redis.exec()
    const spans = telemetry.recorder.spans.filter((s) => s.name.startsWith('xadd'))
    expect(spans).toHaveLength(3)
    expect(spans[2]?.attributes).not.toHaveProperty('messaging.message.id')
  })

  test("an error is the client's own, and its arguments stay out of the span", async () => {
    await bare.set(`${stream}:string`, 'x')
    await expect(redis.xadd(`${stream}:string`, '*', 'card', '4111')).rejects.toThrow('WRONGTYPE')
    await bare.del(`${stream}:string`)
    expect(span('xadd')?.attributes['error.type']).toBe('ReplyError')
    expect(JSON.stringify(span('xadd')?.events)).not.toContain('4111')
  })

  test('arguments that do not parse go to the client untouched', async () => {
    await expect(
      (redis.xadd as (...args: unknown[]) => Promise<unknown>)(stream, '*', 'odd'),
    ).rejects.toThrow('wrong number of arguments')
    expect(telemetry.recorder.started).toBe(0)
  })

  test('traced twice is traced once, and another client is not', async () => {
    expect(traceProducer(redis)).toBe(redis)
    await redis.xadd(stream, '*', 'a', '1')
    await bare.xadd(stream, '*', 'a', '1')
    expect(telemetry.recorder.spans.map((s) => s.name)).toEqual([`xadd ${stream}`])
  })

  test('auto-pipelining makes one span an entry', async () => {
    const piped = traceProducer(new Redis(url, { enableAutoPipelining: true }))
    await Promise.all([piped.xadd(stream, '*', 'a', '1'), piped.xadd(stream, '*', 'a', '2')])
    piped.disconnect()
    expect(telemetry.recorder.spans.filter((s) => s.name.startsWith('xadd'))).toHaveLength(2)
  })
})
