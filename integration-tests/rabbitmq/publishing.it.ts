import { SpanKind, SpanStatusCode, trace } from '@opentelemetry/api'
import { traceProducer } from '@waybill/rabbitmq'
import { connect, type GetMessage } from 'amqplib'
import { describe, expect, test } from 'vitest'
import {
  baggageOf,
  body,
  event,
  idOf,
  inSpan,
  isMissing,
  lengthOf,
  linksOf,
  parentOf,
  seconds,
  stage,
  tenant,
  url,
  withTenant,
} from './stage.ts'
import { context, propagation, ROOT_CONTEXT } from '@opentelemetry/api'

describe.skipIf(isMissing)('publishing', () => {
  const on = stage()

  describe('confirms', () => {
    test("rabbitmq-12: the span covers the confirm; the callback has the caller's context", async () => {
      const [queue, channel] = [await on.scratch.queue(), await on.traced()]
      const confirmed = Promise.withResolvers<unknown[]>()
      withTenant('acme', () => {
        channel.sendToQueue(queue, body(), {}, (...answer) => {
          const ended = on.named(`publish ${queue}`).length
          confirmed.resolve([answer, tenant(), trace.getActiveSpan(), ended])
        })
      })
      expect(on.telemetry.recorder.open).toEqual([`publish ${queue}`])
      expect(await confirmed.promise).toEqual([[null], 'acme', undefined, 1])
      const [span] = on.named(`publish ${queue}`)
      expect(span?.kind).toBe(SpanKind.PRODUCER)
      expect(span?.status.code).toBe(SpanStatusCode.UNSET)
      expect(span?.attributes).toMatchObject({
        'rabbitmq.destination.routing_key': queue,
        'server.address': expect.any(String),
        'server.port': Number(new URL(url).port),
      })
    })

    test('rabbitmq-12: without a callback too, many at once', async () => {
      const [queue, channel] = [await on.scratch.queue(), await on.traced()]
      for (let i = 0; i < 200; i++) channel.sendToQueue(queue, body())
      expect(on.named(`publish ${queue}`)).toEqual([])
      await channel.waitForConfirms()
      expect(on.named(`publish ${queue}`)).toHaveLength(200)
    })

    test('rabbitmq-12: a channel that had published before it was traced', async () => {
      const [queue, channel] = [await on.scratch.queue(), await on.scratch.channel()]
      for (let i = 0; i < 3; i++) channel.sendToQueue(queue, body())
      traceProducer(channel)
      channel.sendToQueue(queue, body())
      expect(on.named(`publish ${queue}`)).toEqual([])
      await channel.waitForConfirms()
      expect(on.named(`publish ${queue}`)).toHaveLength(1)
    })

    test('rabbitmq-12: on a plain channel the span ends when publish returns', async () => {
      const queue = await on.scratch.queue()
      const channel = traceProducer(await on.scratch.connection.createChannel())
      expect(channel.publish('', queue, body())).toBe(true)
      expect(on.named(`publish ${queue}`)).toHaveLength(1)
    })

    test('rabbitmq-12: a broker that refuses the message: error.type nack', async () => {
      const limits = { 'x-max-length': 1, 'x-overflow': 'reject-publish' }
      const [queue, channel] = [await on.scratch.queue({ arguments: limits }), await on.traced()]
      await on.put(channel, queue)
      await expect(on.put(channel, queue)).rejects.toThrow('message nacked')
      const [, refused] = await on.spans(`publish ${queue}`, 2)
      expect(refused?.attributes['error.type']).toBe('nack')
      expect(refused?.status.code).toBe(SpanStatusCode.ERROR)
    })

    test('rabbitmq-12: a channel that the broker closes: its reply code', async () => {
      const channel = await on.traced()
      const answer = new Promise((resolve) => channel.publish('no-such-exchange', 'key', body(), {}, resolve))
      expect(await answer).toEqual(new Error('channel closed'))
      const [span] = await on.spans('publish no-such-exchange:key')
      expect(span?.attributes['error.type']).toBe('404')
      expect(span?.status.message).toContain('NOT_FOUND')
    })

    test('rabbitmq-12: a channel that we close with messages on their way', async () => {
      const [queue, channel] = [await on.scratch.queue(), await on.traced()]
      channel.sendToQueue(queue, body())
      await channel.close()
      const [span] = await on.spans(`publish ${queue}`)
      expect(span?.attributes['error.type']).toBe('channel_closed')
    })
  })

  describe('mandatory', () => {
    test('rabbitmq-11: an unroutable message is the error of its own span, among many', async () => {
      const [queue, channel] = [await on.scratch.queue(), await on.traced()]
      const returned = event(channel, 'return')
      for (let i = 0; i < 5; i++) channel.sendToQueue(queue, body(), { mandatory: true })
      channel.sendToQueue(`${queue}-absent`, body(), { mandatory: true })
      channel.sendToQueue(`${queue}-absent`, body())
      for (let i = 0; i < 5; i++) channel.sendToQueue(queue, body(), { mandatory: true })
      await channel.waitForConfirms()
      await returned
      const lost = on.named(`publish ${queue}-absent`)
      expect(lost.map((span) => span.attributes['error.type'])).toEqual(['NO_ROUTE', undefined])
      expect(lost[0]?.status).toMatchObject({ code: SpanStatusCode.ERROR })
      const routed = on.named(`publish ${queue}`)
      expect(routed).toHaveLength(10)
      for (const span of routed) expect(span.status.code).toBe(SpanStatusCode.UNSET)
      const sent = await on.telemetry.series('messaging.client.sent.messages')
      const counted = sent.map(
        ({ attributes, value }) => `${String(attributes['error.type'])} ${Number(value)}`,
      )
      expect(counted.toSorted()).toEqual(['NO_ROUTE 1', 'undefined 1', 'undefined 10'])
    })

    test("rabbitmq-11: also with the application's own trace context in the message", async () => {
      const channel = await on.traced()
      const headers = { traceparent: `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01` }
      channel.publish('amq.direct', 'nobody', body(), { mandatory: true, headers })
      await channel.waitForConfirms()
      const [span] = on.named('publish amq.direct:nobody')
      expect(span?.attributes['error.type']).toBe('NO_ROUTE')
    })
  })

  test('rabbitmq-14: a publish that throws ends its span and throws the very same error', async () => {
    const [queue, channel] = [await on.scratch.queue(), await on.traced()]
    const bare = await on.scratch.channel()
    const refused = { headers: { bad: () => undefined } }
    const errorOf = (publish: () => unknown): unknown => {
      try {
        return publish()
      } catch (error) {
        return error
      }
    }
    const error = errorOf(() => channel.sendToQueue(queue, body(), refused))
    expect(error).toEqual(errorOf(() => bare.sendToQueue(queue, body(), refused)))
    const [span] = await on.spans(`publish ${queue}`)
    expect(span?.status.message).toBe((error as Error).message)
    // Nothing was sent, so the next message has the tag that this one would have had.
    await on.put(channel, queue)
    expect(on.named(`publish ${queue}`)).toHaveLength(2)
  })

  describe('what the application gave', () => {
    test('rabbitmq-15: frozen options, inherited headers and options of a class arrive; nothing is written', async () => {
      const [queue, channel] = [await on.scratch.queue(), await on.traced()]
      class Persistent {
        readonly headers = Object.freeze(Object.assign(Object.create({ inherited: 'yes' }), { own: 'yes' }))
        get messageId(): string {
          return 'from-a-getter'
        }
      }
      const options = Object.freeze(new Persistent())
      channel.sendToQueue(queue, body(), options)
      await channel.waitForConfirms()
      const message = (await (await on.scratch.channel()).get(queue)) as GetMessage
      expect(message.properties.messageId).toBe('from-a-getter')
      expect(message.properties.headers).toMatchObject({
        own: 'yes',
        inherited: 'yes',
        traceparent: expect.any(String),
        waybill: expect.stringMatching(/^sent=\d+;origin=\d+$/),
      })
      expect(Object.keys(options.headers)).toEqual(['own'])
      const [span] = on.named(`publish ${queue}`)
      expect(span?.attributes['messaging.message.id']).toBe('from-a-getter')
    })

    test('rabbitmq-15: back-pressure and drain are as on the bare channel', async () => {
      const queue = await on.scratch.queue()
      for (const channel of [await on.scratch.channel(), await on.traced()]) {
        const drained = event(channel, 'drain')
        const large = Buffer.alloc(4096)
        let written = true
        for (let i = 0; i < 10_000 && written; i++) written = channel.sendToQueue(queue, large)
        expect(written).toBe(false)
        await drained
        await channel.waitForConfirms()
      }
    })
  })

  test('rabbitmq-39: headers copied from the message in hand get a fresh sent, keep origin, link the old context', async () => {
    const [first, second, channel] = [await on.scratch.queue(), await on.scratch.queue(), await on.traced()]
    await on.put(channel, first)
    let original: Record<string, unknown> = {}
    await on.scratch.consume(channel, first, (message) => {
      original = message.properties.headers ?? {}
      channel.sendToQueue(second, message.content, { headers: message.properties.headers })
      channel.ack(message)
    })
    const [sent] = await on.spans(`publish ${first}`)
    const [copy] = await on.spans(`publish ${second}`)
    const [handled] = await on.spans(`consume ${first}`)
    expect(parentOf(copy)).toBe(idOf(handled))
    expect(linksOf(copy)).toEqual([idOf(sent)])
    const message = (await (await on.scratch.channel()).get(second)) as GetMessage
    expect(message.properties.headers?.['traceparent']).toContain(idOf(copy))
    const times = (field: unknown): string[] =>
      /^sent=(\d+);origin=(\d+)$/.exec(String(field))?.slice(1) ?? []
    const [before, after] = [times(original['waybill']), times(message.properties.headers?.['waybill'])]
    expect(after[1]).toBe(before[1])
    expect(Number(after[0])).toBeGreaterThanOrEqual(Number(before[0]))
    expect(Math.abs(Number(after[0]) / 1000 - seconds(copy!.startTime))).toBeLessThan(0.05)
  })

  test('rabbitmq-23: in a small frame our headers give way, the message arrives, the connection lives', async () => {
    const queue = await on.scratch.queue()
    const small = await connect(`${url}?frameMax=8192`)
    const channel = traceProducer(await small.createConfirmChannel(), { maxBaggageBytes: 8192 })
    const full = Object.fromEntries(Array.from({ length: 60 }, (_, i) => [`key-${i}`, 'v'.repeat(120)]))
    const headers = { 'x-own': 'o'.repeat(6000) }
    await context.with(propagation.setBaggage(ROOT_CONTEXT, baggageOf(full)), async () => {
      await on.put(channel, queue, 'large', headers)
      await on.put(channel, queue, 'large again', headers)
    })
    const bare = await on.scratch.channel()
    for (const text of ['large', 'large again']) {
      const message = (await bare.get(queue, { noAck: true })) as GetMessage
      expect(String(message.content)).toBe(text)
      expect(message.properties.headers).toMatchObject({ ...headers, traceparent: expect.any(String) })
      expect(message.properties.headers).not.toHaveProperty('baggage')
    }
    const said = on.telemetry.warnings.filter((line) => line.includes('frame of 8192 bytes'))
    expect(said).toEqual([expect.stringContaining('left out baggage')])
    await small.close()
  })

  test('rabbitmq-12: a publish in a span is its child and as long as its confirm', async () => {
    const [queue, channel] = [await on.scratch.queue(), await on.traced()]
    await inSpan('request', () => on.put(channel, queue))
    const [request] = on.named('request')
    const [sent] = on.named(`publish ${queue}`)
    expect(parentOf(sent)).toBe(idOf(request))
    expect(lengthOf(sent!)).toBeLessThanOrEqual(lengthOf(request!))
  })
})
