import { context, propagation, ROOT_CONTEXT, trace } from '@opentelemetry/api'
import { traceConsumer, traceProducer } from '@waybill/rabbitmq'
import type { MessageInfo, TelemetryOptions } from '@waybill/core'
import { connect, type ConsumeMessage } from 'amqplib'
import { describe, expect, test } from 'vitest'
import {
  attribute,
  baggageOf,
  idOf,
  inSpan,
  isMissing,
  linksOf,
  parentOf,
  stage,
  stream,
  tenant,
  until,
  url,
  withTenant,
} from './stage.ts'

const TRACE_ID = 'a'.repeat(32)
const TRACEPARENT = `00-${TRACE_ID}-${'b'.repeat(16)}-01`

describe.skipIf(isMissing)('what a message says', () => {
  const on = stage()

  /** Sends a message with these headers as somebody else would, and handles it. */
  async function delivered(
    headers: object,
    properties: object = {},
    options?: TelemetryOptions,
  ): Promise<{ readonly queue: string; readonly seen: Record<string, unknown> }> {
    const [queue, channel, bare] = [
      await on.scratch.queue(),
      await on.traced(options),
      await on.scratch.channel(),
    ]
    const seen: Record<string, unknown> = {}
    await on.scratch.consume(channel, queue, (message) => {
      seen['tenant'] = tenant()
      channel.ack(message)
    })
    bare.sendToQueue(queue, Buffer.from('a'), { ...properties, headers })
    await bare.waitForConfirms()
    await on.spans(`consume ${queue}`)
    return { queue, seen }
  }

  describe('trace context', () => {
    test.each([
      ['bytes', { traceparent: Buffer.from(TRACEPARENT) }],
      ['another letter case', { Traceparent: TRACEPARENT }],
      ['a list, of which the last string counts', { traceparent: ['x', TRACEPARENT, 7] }],
    ])('rabbitmq-21: as %s', async (_how, headers) => {
      const { queue } = await delivered(headers)
      const [span] = on.named(`consume ${queue}`)
      expect(span?.spanContext().traceId).toBe(TRACE_ID)
    })

    test.each<[string, object]>([
      ['a table named __proto__', JSON.parse(`{"__proto__": {"traceparent": "${TRACEPARENT}"}}`) as object],
      ['a nested table', { traceparent: { value: TRACEPARENT } }],
      ['a number', { traceparent: 7 }],
    ])('rabbitmq-22: not from %s', async (_what, headers) => {
      const { queue } = await delivered(headers)
      const [span] = on.named(`consume ${queue}`)
      expect(parentOf(span)).toBeUndefined()
      expect(span?.attributes).toHaveProperty('waybill.root.reason')
    })

    test('rabbitmq-22: over-long tracestate and baggage are not read, the rest is', async () => {
      const many = Array.from({ length: 500 }, (_, i) => `k${i}=v`).join(',')
      const { queue, seen } = await delivered({
        traceparent: TRACEPARENT,
        tracestate: `a=${'x'.repeat(20_000)}`,
        baggage: `${many},tenant=acme`,
      })
      const [span] = on.named(`consume ${queue}`)
      expect(span?.spanContext().traceId).toBe(TRACE_ID)
      expect(span?.spanContext().traceState?.serialize() ?? '').toBe('')
      expect(seen['tenant']).toBeUndefined()
    })
  })

  describe('relation', () => {
    test.each(['parent', 'link'] as const)(
      'rabbitmq-18, rabbitmq-19: %s, with the connection made inside a span: nothing of that is in it',
      async (relation) => {
        const queue = await on.scratch.queue()
        const base = propagation.setBaggage(ROOT_CONTEXT, baggageOf({ leaked: 'from start-up' }))
        const seen = Promise.withResolvers<unknown[]>()
        const connection = await inSpan(
          'startup',
          async () => {
            const made = await connect(url)
            const channel = traceConsumer(await made.createChannel(), { relation })
            await channel.consume(queue, (message) => {
              const baggage = propagation.getActiveBaggage()?.getAllEntries() ?? []
              seen.resolve([baggage.map(([key]) => key), trace.getActiveSpan()?.spanContext().spanId])
              channel.ack(message!)
            })
            return made
          },
          base,
        )
        const channel = await on.traced()
        await withTenant('acme', () => on.put(channel, queue))
        const [span] = await on.spans(`consume ${queue}`)
        const [sent] = on.named(`publish ${queue}`)
        expect(await seen.promise).toEqual([['tenant'], idOf(span)])
        expect(parentOf(span)).toBe(relation === 'parent' ? idOf(sent) : undefined)
        expect(linksOf(span)).toEqual([idOf(sent)])
        expect(span?.attributes).not.toHaveProperty('waybill.root.reason')
        await connection.close()
      },
    )

    test('rabbitmq-20: chosen per queue and per message', async () => {
      const [linked, joined] = [await on.scratch.queue(), await on.scratch.queue()]
      const asked: MessageInfo[] = []
      const channel = await on.traced({
        relation: (message) => {
          asked.push(message)
          return message.destination === linked && message.messageId !== 'm2' ? 'link' : 'parent'
        },
      })
      for (const queue of [linked, joined]) {
        await on.scratch.consume(channel, queue, (message) => {
          channel.ack(message)
        })
      }
      channel.sendToQueue(linked, Buffer.from('a'), { messageId: 'm1' })
      channel.sendToQueue(linked, Buffer.from('a'), { messageId: 'm2' })
      channel.sendToQueue(joined, Buffer.from('a'))
      const first = await on.spans(`consume ${linked}`, 2)
      const [second] = await on.spans(`consume ${joined}`)
      expect(first.map((span) => parentOf(span) !== undefined)).toEqual([false, true])
      expect(parentOf(second)).toBeDefined()
      expect(asked).toContainEqual({ destination: linked, messageId: 'm1', attempt: 1 })
    })

    test('rabbitmq-35: a stream is linked, has its offset, and no wait', async () => {
      const [queue, channel] = [await on.scratch.queue(stream), await on.traced()]
      for (const text of ['first', 'second']) await on.put(channel, queue, text)
      await channel.prefetch(10)
      await channel.consume(
        queue,
        (message) => {
          channel.ack(message!)
        },
        { arguments: { 'x-stream-offset': 'first' } },
      )
      const spans = await on.spans(`consume ${queue}`, 2)
      expect(spans.map(parentOf)).toEqual([undefined, undefined])
      expect(spans.flatMap(linksOf)).toEqual(on.named(`publish ${queue}`).map(idOf))
      expect(attribute('waybill.transit.unknown', spans)).toEqual(['replayed', 'replayed'])
      expect(attribute('rabbitmq.stream.offset', spans)).toEqual([0, 1])
      for (const span of spans) {
        expect(span.attributes['waybill.message.age']).toBeGreaterThanOrEqual(0)
        expect(span.attributes).not.toHaveProperty('waybill.delivery.attempt')
      }
      expect(on.named(`transit ${queue}`)).toEqual([])
      expect(await on.telemetry.series('waybill.transit.duration')).toEqual([])
    })
  })

  describe('the start of the wait', () => {
    const seconds = Math.floor(Date.now() / 1000) - 5
    const exact = { traceparent: TRACEPARENT }

    test.each<[string, object, object, number, string, number | undefined]>([
      [
        'our own stamp before all else',
        {
          waybill: `sent=${Date.now() - 2000};origin=${Date.now() - 2000}`,
          timestamp_in_ms: Date.now() - 9000,
        },
        { timestamp: seconds },
        2,
        'producer',
        undefined,
      ],
      [
        "the broker's header",
        { timestamp_in_ms: Date.now() - 3000 },
        { timestamp: seconds },
        3,
        'broker',
        undefined,
      ],
      ['seconds, which are coarse', { timestamp_in_ms: 'x' }, { timestamp: seconds }, 5, 'producer', 1],
      [
        'milliseconds in the same property',
        { timestamp_in_ms: 'x' },
        { timestamp: seconds * 1000 },
        5,
        'producer',
        undefined,
      ],
    ])('rabbitmq-40: %s', async (_what, headers, properties, wait, clock, resolution) => {
      const { queue } = await delivered({ ...exact, ...headers }, properties)
      const [span] = on.named(`consume ${queue}`)
      const [transit] = on.named(`transit ${queue}`)
      const found = Number(span?.attributes['waybill.transit.time'])
      // Messages are made when the file is read; the tests before take their time.
      expect(found).toBeGreaterThanOrEqual(wait)
      expect(found).toBeLessThan(wait + 60)
      expect(transit?.attributes['waybill.transit.clock']).toBe(clock)
      expect(span?.attributes['waybill.transit.resolution']).toBe(resolution)
    })

    const made = { queue: 'q', reason: 'rejected', exchange: '', 'routing-keys': ['q'] }
    test.each<[string, object, object, boolean]>([
      ['x-death that is text', { 'x-death': 'x' }, {}, false],
      [
        'x-death with a death that is to come',
        { 'x-death': [{ ...made, count: 1, time: { '!': 'timestamp', value: seconds + 9000 } }] },
        {},
        true,
      ],
      [
        'x-death of the year 1970',
        { 'x-death': [{ ...made, count: 1, time: { '!': 'timestamp', value: 5 } }] },
        {},
        false,
      ],
      [
        'an absurd count',
        { 'x-death': [{ ...made, count: 2 ** 50 }], 'x-delivery-count': 2 ** 50 },
        {},
        false,
      ],
      ['counts on a first delivery', { 'x-delivery-count': 42, 'x-acquired-count': -1 }, {}, false],
      ['a timestamp_in_ms of 777', { timestamp_in_ms: 777 }, {}, false],
      ['a timestamp_in_ms of tomorrow', { timestamp_in_ms: (seconds + 80_000) * 1000 }, {}, true],
      ['a timestamp of all bits', { timestamp_in_ms: 'x' }, { timestamp: 2 ** 52 }, false],
    ])('rabbitmq-34: made up: %s', async (_what, headers, properties, isSkew) => {
      const { queue } = await delivered(headers, properties)
      const [span] = on.named(`consume ${queue}`)
      const { 'waybill.transit.time': wait, 'waybill.delivery.attempt': attempt } = span!.attributes
      if (wait !== undefined) expect(wait).toSatisfy((time: number) => time >= 0 && time < 60)
      expect(attempt).toSatisfy((count: number) => Number.isSafeInteger(count) && count >= 1 && count < 1e9)
      const skew = await on.telemetry.series('waybill.transit.clock_skew')
      expect(skew.map(({ value }) => value)).toEqual(isSkew ? [1] : [])
    })
  })

  describe('destinations', () => {
    test('rabbitmq-24: exchange, routing key and queue, each once', async () => {
      const [queue, channel] = [await on.scratch.queue(), await on.traced()]
      await channel.bindQueue(queue, 'amq.topic', `${queue}.#`)
      await on.scratch.consume(channel, queue, (message) => {
        channel.ack(message)
      })
      channel.publish('amq.topic', `${queue}.paid`, Buffer.from('a'))
      const [span] = await on.spans(`consume amq.topic:${queue}.paid:${queue}`)
      expect(span?.attributes['rabbitmq.destination.routing_key']).toBe(`${queue}.paid`)
      await on.spans(`publish amq.topic:${queue}.paid`)
    })

    test('rabbitmq-24: queues that the broker names are in neither span names nor metrics', async () => {
      const channel = await on.traced()
      const { queue } = await channel.assertQueue('', { exclusive: true })
      await on.scratch.consume(channel, queue, (message) => {
        channel.ack(message)
      })
      channel.sendToQueue(queue, Buffer.from('a'))
      const [span] = await on.spans('consume (anonymous)')
      expect(span?.attributes).toMatchObject({
        'messaging.destination.name': queue,
        'messaging.destination.anonymous': true,
        'messaging.destination.temporary': true,
      })
      await until(async () => {
        const series = await on.telemetry.series('messaging.process.duration')
        expect(series).toHaveLength(1)
        expect(JSON.stringify(series)).not.toContain(queue)
      })
    })
  })

  describe('metrics', () => {
    test.each([true, false])(
      'rabbitmq-37: recorded whether or not the trace is sampled: %s',
      async (sampled) => {
        await on.restart({ sampled })
        const [queue, channel] = [await on.scratch.queue(), await on.traced()]
        await on.scratch.consume(channel, queue, (message: ConsumeMessage) => {
          channel.ack(message)
        })
        await on.put(channel, queue)
        await until(async () => {
          expect(await on.telemetry.series('messaging.client.consumed.messages')).toHaveLength(1)
        })
        expect(on.telemetry.recorder.started > 0).toBe(sampled)
        const counted = await Promise.all(
          [
            'messaging.client.sent.messages',
            'messaging.client.consumed.messages',
            'messaging.client.operation.duration',
            'messaging.process.duration',
            'waybill.transit.duration',
            'waybill.journey.duration',
          ].map(async (name) => {
            const [series] = await on.telemetry.series(name)
            expect(series?.attributes['messaging.system.name']).toBe('rabbitmq')
            expect(JSON.stringify(series?.attributes)).toContain(queue)
            return typeof series?.value === 'object' ? series.value.count : series?.value
          }),
        )
        expect(counted).toEqual([1, 1, 1, 1, 1, 1])
      },
    )

    test('rabbitmq-38: what Sentry reads, with the option aliases', async () => {
      const [queue, channel] = [await on.scratch.queue(), await on.traced({ aliases: true })]
      await on.put(channel, queue)
      let deliveries = 0
      await on.scratch.consume(channel, queue, (message) => {
        if (++deliveries === 1) channel.nack(message)
        else channel.ack(message)
      })
      const [first, second] = await on.spans(`consume ${queue}`, 2)
      const wait = Number(first?.attributes['waybill.transit.time'])
      expect(first?.attributes['messaging.message.receive.latency']).toBeCloseTo(wait * 1000, 6)
      expect(attribute('messaging.message.retry.count', [first!, second!])).toEqual([0, 1])
      expect(second?.attributes).not.toHaveProperty('messaging.message.receive.latency')
    })
  })

  test('rabbitmq-31: tracing twice changes nothing, whichever way', async () => {
    const [queue, channel] = [await on.scratch.queue(), await on.traced()]
    const listeners = channel.listenerCount('close')
    expect(traceProducer(channel)).toBe(channel)
    expect(traceConsumer(channel)).toBe(channel)
    expect(channel.listenerCount('close')).toBe(listeners)
    await context.with(ROOT_CONTEXT, () => on.put(channel, queue))
    await on.scratch.consume(channel, queue, (message) => {
      channel.ack(message)
    })
    await on.spans(`consume ${queue}`)
    expect(on.named(`publish ${queue}`)).toHaveLength(1)
  })
})
