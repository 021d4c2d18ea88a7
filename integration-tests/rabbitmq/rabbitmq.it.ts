import { createRequire } from 'node:module'
import { setTimeout as delay } from 'node:timers/promises'
import { context, propagation, ROOT_CONTEXT, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api'
import { AmqplibInstrumentation } from '@opentelemetry/instrumentation-amqplib'
import type { TelemetryOptions } from '@waybill/core'
import type { RecordedSpan } from '@waybill/core/testing'
import { traceConsumer, traceHandler, traceProducer } from '@waybill/rabbitmq'
import type { ConfirmChannel, ConsumeMessage, GetMessage, Options } from 'amqplib'
import {
  connect as connectByCallback,
  type ConfirmChannel as CallbackChannel,
  type Connection as CallbackConnection,
} from 'amqplib/callback_api'
import { afterEach, beforeEach, describe, expect, inject, test, vi } from 'vitest'
import { rabbitmqScratch, stampsArrival, textOf, type RabbitmqScratch } from './scratch.ts'
import { installSdk, type TestTelemetry } from '../telemetry.ts'

const broker = inject('brokers').rabbitmq
const quorum: Options.AssertQueue = { arguments: { 'x-queue-type': 'quorum' } }
const body = (text = 'a'): Buffer => Buffer.from(text)

describe.skipIf('missing' in broker)('amqplib on a real broker', () => {
  const provided = broker as Exclude<typeof broker, { missing: string }>
  const { url } = provided
  let telemetry: TestTelemetry
  let scratch: RabbitmqScratch
  beforeEach(async () => {
    scratch = await rabbitmqScratch(url)
    telemetry = installSdk()
  })
  afterEach(async () => {
    await scratch.close()
    expect(telemetry.recorder.open).toEqual([])
    await telemetry.uninstall()
  })

  /** A channel that is traced on both sides. */
  const traced = async (options: TelemetryOptions = { transitSpan: { minMs: 0 } }): Promise<ConfirmChannel> =>
    traceConsumer(traceProducer(await scratch.channel(), options), options)
  const named = (name: string): RecordedSpan[] =>
    telemetry.recorder.spans.filter((span) => span.name === name)
  const spans = (name: string, count: number): Promise<RecordedSpan[]> =>
    vi.waitFor(() => {
      expect(named(name)).toHaveLength(count)
      return named(name)
    }, WAIT)
  const WAIT = { timeout: 10_000, interval: 5 }
  const attribute = (name: string, all: readonly RecordedSpan[]): unknown[] =>
    all.map((span) => span.attributes[name])
  const outcomes = (all: readonly RecordedSpan[]): unknown[] => attribute('waybill.delivery.outcome', all)
  const idOf = (span: RecordedSpan | undefined): string | undefined => span?.spanContext().spanId
  const seconds = ([whole, nanos]: readonly [number, number]): number => whole + nanos / 1e9
  const withTenant = <T>(tenant: string, fn: () => T): T =>
    context.with(
      propagation.setBaggage(ROOT_CONTEXT, propagation.createBaggage({ tenant: { value: tenant } })),
      fn,
    )
  const tenant = (): string | undefined => propagation.getActiveBaggage()?.getEntry('tenant')?.value

  describe('publishing', () => {
    test("on a confirm channel the span covers the confirm, the callback has the caller's context", async () => {
      const [queue, channel] = [await scratch.queue(), await traced()]
      const confirmed = Promise.withResolvers<unknown[]>()
      let spansBefore: RecordedSpan[] | undefined
      withTenant('acme', () => {
        channel.sendToQueue(queue, body(), {}, (...answer) => {
          confirmed.resolve([answer, tenant(), trace.getActiveSpan()])
        })
        spansBefore = named(`publish ${queue}`)
      })
      expect(spansBefore).toEqual([])
      expect(telemetry.recorder.open).toEqual([`publish ${queue}`])
      expect(await confirmed.promise).toEqual([[null], 'acme', undefined])
      const [span] = await spans(`publish ${queue}`, 1)
      expect(span?.kind).toBe(SpanKind.PRODUCER)
      expect(span?.status.code).toBe(SpanStatusCode.UNSET)
      expect(span?.attributes).toMatchObject({
        'rabbitmq.destination.routing_key': queue,
        'server.address': expect.any(String),
        'server.port': Number(new URL(url).port),
      })
    })

    test('a confirm without a callback ends the span too, and waitForConfirms() waits as before', async () => {
      const [queue, channel] = [await scratch.queue(), await traced()]
      channel.sendToQueue(queue, body())
      channel.sendToQueue(queue, body())
      expect(named(`publish ${queue}`)).toEqual([])
      await channel.waitForConfirms()
      expect(named(`publish ${queue}`)).toHaveLength(2)
    })

    test('on a plain channel the span ends when publish returns', async () => {
      const queue = await scratch.queue()
      const channel = traceProducer(await scratch.connection.createChannel())
      expect(channel.publish('', queue, body())).toBe(true)
      expect(named(`publish ${queue}`)).toHaveLength(1)
    })

    test('a broker that refuses the message: error.type nack', async () => {
      const limits = { 'x-max-length': 1, 'x-overflow': 'reject-publish' }
      const [queue, channel] = [await scratch.queue({ arguments: limits }), await traced()]
      await scratch.put(channel, queue, 'fits')
      await expect(scratch.put(channel, queue, 'refused')).rejects.toThrow('message nacked')
      const [, refused] = await spans(`publish ${queue}`, 2)
      expect(refused?.attributes['error.type']).toBe('nack')
      expect(refused?.status.code).toBe(SpanStatusCode.ERROR)
    })

    test('a channel that the broker closes: its reply code', async () => {
      const channel = await traced()
      const answer = new Promise((resolve) => channel.publish('no-such-exchange', 'key', body(), {}, resolve))
      expect(await answer).toEqual(new Error('channel closed'))
      const [span] = await spans('publish no-such-exchange:key', 1)
      expect(span?.attributes['error.type']).toBe('404')
      expect(span?.status.message).toContain('NOT_FOUND')
      await expect(channel.waitForConfirms()).rejects.toThrow('channel closed')
    })

    test('a channel that we close with messages on their way', async () => {
      const [queue, channel] = [await scratch.queue(), await traced()]
      channel.sendToQueue(queue, body())
      await channel.close()
      const [span] = await spans(`publish ${queue}`, 1)
      expect(span?.attributes['error.type']).toBe('channel_closed')
    })

    test('a publish that throws ends its span and throws the very same error', async () => {
      const [queue, channel] = [await scratch.queue(), await traced()]
      const bare = await scratch.channel()
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
      const [span] = await spans(`publish ${queue}`, 1)
      expect(span?.status.message).toBe((error as Error).message)
    })

    test('frozen options, inherited headers and options of a class arrive; nothing is written to them', async () => {
      const [queue, channel] = [await scratch.queue(), await traced()]
      class Persistent {
        readonly headers = Object.freeze(Object.assign(Object.create({ inherited: 'yes' }), { own: 'yes' }))
        get messageId(): string {
          return 'from-a-getter'
        }
      }
      const options = Object.freeze(new Persistent())
      channel.sendToQueue(queue, body(), options)
      await channel.waitForConfirms()
      const message = (await (await scratch.channel()).get(queue)) as GetMessage
      expect(message.properties.messageId).toBe('from-a-getter')
      expect(message.properties.headers).toMatchObject({
        own: 'yes',
        inherited: 'yes',
        traceparent: expect.any(String),
        waybill: expect.stringMatching(/^sent=\d+;origin=\d+$/),
      })
      expect(Object.keys(options.headers)).toEqual(['own'])
    })

    test('headers copied from the message in hand carry the new context and link the old', async () => {
      const [first, second, channel] = [await scratch.queue(), await scratch.queue(), await traced()]
      await scratch.put(channel, first, 'a')
      await channel.consume(first, (message) => {
        channel.sendToQueue(second, message!.content, { headers: message!.properties.headers })
        channel.ack(message!)
      })
      const [original] = await spans(`publish ${first}`, 1)
      const [copy] = await spans(`publish ${second}`, 1)
      const [handled] = await spans(`consume ${first}`, 1)
      expect(copy?.parentSpanContext?.spanId).toBe(idOf(handled))
      expect(copy?.links.map((link) => link.context.spanId)).toEqual([idOf(original)])
      const message = (await (await scratch.channel()).get(second)) as GetMessage
      expect(message.properties.headers?.['traceparent']).toContain(idOf(copy))
    })
  })

  describe('settlement', () => {
    test.each([
      ['classic', {}, [1, 2, 2]],
      ['quorum', quorum, [1, 2, 3]],
    ])(
      '%s queue: a message requeued twice gives three siblings, one wait',
      async (_type, options, attempts) => {
        const [queue, channel] = [await scratch.queue(options), await traced()]
        await scratch.put(channel, queue, 'a')
        let deliveries = 0
        await channel.consume(queue, (message) => {
          if (++deliveries === 1) channel.nack(message!)
          else if (deliveries === 2) channel.reject(message!, true)
          else channel.ack(message!)
        })
        const consumed = await spans(`consume ${queue}`, 3)
        const [sent] = named(`publish ${queue}`)
        for (const span of consumed) expect(span.parentSpanContext?.spanId).toBe(idOf(sent))
        expect(outcomes(consumed)).toEqual(['requeue', 'requeue', 'ack'])
        expect(attribute('waybill.delivery.attempt', consumed)).toEqual(attempts)
        expect(attribute('waybill.transit.unknown', consumed)).toEqual([
          undefined,
          'redelivered',
          'redelivered',
        ])
        expect(consumed.map((span) => 'waybill.transit.time' in span.attributes)).toEqual([
          true,
          false,
          false,
        ])
        for (const span of consumed) expect(span.status.code).toBe(SpanStatusCode.UNSET)
        expect(named(`transit ${queue}`)).toHaveLength(1)
      },
    )

    /** Consumes `count` messages without settling any. */
    async function inFlight(
      channel: ConfirmChannel,
      queue: string,
      count: number,
    ): Promise<ConsumeMessage[]> {
      for (let i = 0; i < count; i++) channel.sendToQueue(queue, body())
      const messages: ConsumeMessage[] = []
      await channel.consume(queue, (message) => void messages.push(message!))
      await vi.waitFor(() => {
        expect(messages.length).toBeGreaterThanOrEqual(count)
      }, WAIT)
      return messages
    }

    test.each<[string, (channel: ConfirmChannel, messages: ConsumeMessage[]) => void, unknown[]]>([
      ['ack up to the second', (channel, [, second]) => channel.ack(second!, true), ['ack', 'ack']],
      [
        'nack up to the second',
        (channel, [, second]) => channel.nack(second!, true, false),
        ['nack', 'nack'],
      ],
      ['ackAll', (channel) => channel.ackAll(), ['ack', 'ack', 'ack']],
      ['nackAll without requeue', (channel) => channel.nackAll(false), ['nack', 'nack', 'nack']],
      ['reject without requeue', (channel, [, , third]) => channel.reject(third!, false), ['reject']],
      ['ack of the newest', (channel, [, , third]) => channel.ack(third!), ['ack']],
    ])('%s', async (_call, settle, expected) => {
      const [queue, channel] = [await scratch.queue(), await traced()]
      const messages = await inFlight(channel, queue, 3)
      expect(named(`consume ${queue}`)).toEqual([])
      settle(channel, messages)
      expect(outcomes(named(`consume ${queue}`))).toEqual(expected)
      const left = 3 - expected.length
      await channel.close()
      expect(outcomes(await spans(`consume ${queue}`, 3)).slice(expected.length)).toEqual(
        Array.from({ length: left }, () => 'channel_closed'),
      )
    })

    test.each<[string, (channel: ConfirmChannel) => unknown]>([
      ['recover', (channel) => channel.recover()],
      ['nackAll', (channel) => channel.nackAll()],
    ])('%s requeues all that is open', async (_call, requeue) => {
      const [queue, channel] = [await scratch.queue(), await traced()]
      await inFlight(channel, queue, 2)
      await requeue(channel)
      expect(outcomes(named(`consume ${queue}`))).toEqual(['requeue', 'requeue'])
      await vi.waitFor(() => {
        expect(telemetry.recorder.open).toEqual([`consume ${queue}`, `consume ${queue}`])
      }, WAIT)
      channel.ackAll()
    })

    test('a call that the client refuses settles nothing', async () => {
      const [queue, channel] = [await scratch.queue(), await traced()]
      await inFlight(channel, queue, 1)
      expect(() => channel.ack({} as never)).toThrow(TypeError)
      expect(telemetry.recorder.open).toEqual([`consume ${queue}`])
      channel.ackAll()
    })

    test('the span ends with the handler where that is later than the ack', async () => {
      const [queue, channel] = [await scratch.queue(), await traced()]
      const release = Promise.withResolvers<void>()
      await scratch.consume(channel, queue, async (message) => {
        channel.ack(message)
        await release.promise
      })
      await scratch.put(channel, queue, 'a')
      await vi.waitFor(() => {
        expect(telemetry.recorder.open).toEqual([`consume ${queue}`])
      }, WAIT)
      release.resolve()
      expect(outcomes(await spans(`consume ${queue}`, 1))).toEqual(['ack'])
    })

    test("noAck: the span is as long as the handler's promise", async () => {
      const [queue, channel] = [await scratch.queue(), await traced()]
      await scratch.consume(channel, queue, () => delay(30), { noAck: true })
      await scratch.put(channel, queue, 'a')
      const [span] = await spans(`consume ${queue}`, 1)
      expect(seconds(span!.endTime) - seconds(span!.startTime)).toBeGreaterThan(0.028)
      expect(outcomes([span!])).toEqual([undefined])
    })
  })

  describe('a handler that fails', () => {
    test('by rejection: recorded, still an unhandledRejection, the message stays unsettled', async () => {
      const [queue, channel] = [await scratch.queue(), await traced()]
      const thrown = new RangeError('no')
      const heard = process.listeners('unhandledRejection')
      process.removeAllListeners('unhandledRejection')
      const unhandled = new Promise((resolve) => process.once('unhandledRejection', resolve))
      try {
        await scratch.consume(channel, queue, () => Promise.reject(thrown))
        await scratch.put(channel, queue, 'a')
        expect(await unhandled).toBe(thrown)
      } finally {
        for (const listener of heard) process.on('unhandledRejection', listener)
      }
      const [span] = await spans(`consume ${queue}`, 1)
      expect(outcomes([span!])).toEqual(['abandoned'])
      expect(span?.attributes['error.type']).toBe('RangeError')
      expect(span?.events[0]?.attributes?.['exception.message']).toBe('no')
    })

    test('by throwing: recorded, and the client closes the channel', async () => {
      const [queue, channel] = [await scratch.queue(), await traced()]
      const closed = new Promise<void>((resolve) =>
        channel.once('close', () => {
          resolve()
        }),
      )
      await channel.consume(queue, () => {
        throw new RangeError('no')
      })
      await scratch.put(await scratch.channel(), queue, 'a')
      await closed
      const [span] = await spans(`consume ${queue}`, 1)
      expect(outcomes([span!])).toEqual(['channel_closed'])
      expect(span?.attributes['error.type']).toBe('RangeError')
    })

    test("by throwing where somebody listens for 'handler-error': the channel lives, the span ends", async () => {
      const [queue, channel] = [await scratch.queue(), await traced()]
      const heard = new Promise((resolve) => channel.once('handler-error', resolve))
      await channel.consume(queue, () => {
        throw new RangeError('no')
      })
      await scratch.put(channel, queue, 'a')
      expect(await heard).toEqual(new RangeError('no'))
      expect(outcomes(await spans(`consume ${queue}`, 1))).toEqual(['abandoned'])
      await channel.checkQueue(queue)
    })
  })

  test('a consumer that the broker cancels gets its null, untouched', async () => {
    const channel = await traced()
    const { queue } = await channel.assertQueue('', { exclusive: true })
    const cancelled = new Promise((resolve) => void channel.consume(queue, resolve))
    await channel.deleteQueue(queue)
    expect(await cancelled).toBeNull()
    expect(telemetry.recorder.started).toBe(0)
  })

  describe('get', () => {
    test('continues the trace; a handler for its message adds work, not a second wait', async () => {
      const [queue, channel] = [await scratch.queue(), await traced()]
      await scratch.put(channel, queue, 'a')
      const message = (await channel.get(queue)) as GetMessage
      const [sent] = named(`publish ${queue}`)
      const [got] = named(`get ${queue}`)
      expect(got?.kind).toBe(SpanKind.CLIENT)
      expect(got?.parentSpanContext?.spanId).toBe(idOf(sent))
      expect(got?.attributes['messaging.operation.type']).toBe('receive')
      expect(got?.attributes['waybill.transit.time']).toBeGreaterThanOrEqual(0)

      const handle = traceHandler((_message: GetMessage) => trace.getActiveSpan()?.spanContext().spanId, {
        queue,
      })
      const active = handle(message)
      channel.ack(message)
      const [handled] = named(`consume ${queue}`)
      expect(active).toBe(idOf(handled))
      expect(handled?.parentSpanContext?.spanId).toBe(idOf(sent))
      expect(named(`transit ${queue}`)).toHaveLength(1)
      const consumed = await telemetry.series('messaging.client.consumed.messages')
      expect(consumed.map(({ value }) => value)).toEqual([1])
    })

    test('an empty get makes no span', async () => {
      const [queue, channel] = [await scratch.queue(), await traced()]
      expect(await channel.get(queue)).toBe(false)
      expect(telemetry.recorder.started).toBe(0)
    })
  })

  describe('when the start of a wait is not known', () => {
    test('a dead-lettered message: reason and age', async () => {
      const dead = await scratch.queue()
      const queue = await scratch.queue({ deadLetterExchange: '', deadLetterRoutingKey: dead })
      const channel = await traced()
      await scratch.put(channel, queue, 'a')
      await channel.consume(queue, (message) => {
        channel.reject(message!, false)
      })
      await channel.consume(dead, (message) => {
        channel.ack(message!)
      })
      const [span] = await spans(`consume ${dead}`, 1)
      expect(span?.attributes).toMatchObject({
        'waybill.transit.unknown': 'dead_lettered',
        'waybill.message.age': expect.any(Number),
      })
      expect(span?.attributes).not.toHaveProperty('waybill.delivery.attempt')
      expect(named(`transit ${dead}`)).toEqual([])
    })

    test('a stream: replayed, and linked instead of continued', async () => {
      const queue = await scratch.queue({ arguments: { 'x-queue-type': 'stream' } })
      const channel = await traced()
      await scratch.put(channel, queue, 'a')
      await channel.prefetch(1)
      await channel.consume(
        queue,
        (message) => {
          channel.ack(message!)
        },
        { arguments: { 'x-stream-offset': 'first' } },
      )
      const [span] = await spans(`consume ${queue}`, 1)
      expect(span?.parentSpanContext).toBeUndefined()
      expect(span?.links.map((link) => link.context.spanId)).toEqual([idOf(named(`publish ${queue}`)[0])])
      expect(span?.attributes['waybill.transit.unknown']).toBe('replayed')
    })
  })

  test("a producer without us: the wait is told by the broker's own stamp, from 3.12 on", async () => {
    const [queue, channel] = [await scratch.queue(), await traced()]
    await scratch.put(await scratch.channel(), queue, 'a', {
      traceparent: `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01`,
    })
    await channel.consume(queue, (message) => {
      channel.ack(message!)
    })
    const [span] = await spans(`consume ${queue}`, 1)
    if (await stampsArrival(provided, scratch)) {
      expect(span?.attributes['waybill.transit.time']).toBeGreaterThanOrEqual(0)
      expect(attribute('waybill.transit.clock', named(`transit ${queue}`))).toEqual(['broker'])
    } else {
      expect(span?.attributes['waybill.transit.unknown']).toBe('no_timestamp')
      expect(named(`transit ${queue}`)).toEqual([])
    }
  })

  test('exchanges, bindings and queues that the broker names', async () => {
    const channel = await traced()
    const { queue } = await channel.assertQueue('', { exclusive: true })
    await channel.bindQueue(queue, 'amq.topic', `${queue}.#`)
    await channel.consume(queue, (message) => {
      channel.ack(message!)
    })
    channel.publish('amq.topic', `${queue}.paid`, body())
    const [span] = await spans('consume (anonymous)', 1)
    expect(span?.attributes).toMatchObject({
      'messaging.destination.name': `amq.topic:${queue}.paid:${queue}`,
      'messaging.destination.anonymous': true,
      'messaging.destination.temporary': true,
    })
  })

  test('request and reply are one trace, under one name for all reply queues', async () => {
    const [queue, client, server] = [await scratch.queue(), await traced(), await traced()]
    const replied = Promise.withResolvers<string>()
    await client.consume(
      'amq.rabbitmq.reply-to',
      (message) => {
        replied.resolve(textOf(message))
      },
      { noAck: true },
    )
    await server.consume(queue, (message) => {
      const { properties, content } = message!
      server.sendToQueue(properties.replyTo, content, { correlationId: properties.correlationId })
      server.ackAll()
    })
    client.sendToQueue(queue, body('ping'), { replyTo: 'amq.rabbitmq.reply-to', correlationId: 'c1' })
    expect(await replied.promise).toBe('ping')
    await spans('consume amq.rabbitmq.reply-to', 1)
    await spans('publish amq.rabbitmq.reply-to', 1)
    await spans(`consume ${queue}`, 1)
    expect(new Set(telemetry.recorder.spans.map((span) => span.spanContext().traceId)).size).toBe(1)
    const [series] = await telemetry.series('messaging.client.sent.messages')
    expect(JSON.stringify(series)).not.toContain('reply-to.')
  })

  test('relation link: a new trace that links the message, its baggage in the handler', async () => {
    const [queue, channel] = [await scratch.queue(), await traced({ relation: 'link' })]
    const seen = Promise.withResolvers<string | undefined>()
    await channel.consume(queue, (message) => {
      seen.resolve(tenant())
      channel.ack(message!)
    })
    await withTenant('acme', () => scratch.put(channel, queue, 'a'))
    expect(await seen.promise).toBe('acme')
    const [span] = await spans(`consume ${queue}`, 1)
    expect(span?.parentSpanContext).toBeUndefined()
    expect(span?.links.map((link) => link.context.spanId)).toEqual([idOf(named(`publish ${queue}`)[0])])
  })

  test('wrapping twice changes nothing, whichever way', async () => {
    const [queue, channel] = [await scratch.queue(), await traced()]
    const listeners = channel.listenerCount('close')
    expect(traceProducer(channel)).toBe(channel)
    expect(traceConsumer(channel)).toBe(channel)
    expect(channel.listenerCount('close')).toBe(listeners)
    const handle = traceHandler(
      (message: ConsumeMessage | null) => {
        channel.ack(message!)
      },
      { queue },
    )
    expect(traceHandler(handle, { queue })).toBe(handle)
    await channel.consume(queue, handle)
    await scratch.put(channel, queue, 'a')
    expect(outcomes(await spans(`consume ${queue}`, 1))).toEqual(['ack'])
    expect(named(`publish ${queue}`)).toHaveLength(1)
  })

  test('traceHandler on a channel that is not traced: context and wait', async () => {
    const [queue, channel] = [await scratch.queue(), await scratch.channel()]
    await scratch.put(await traced(), queue, 'a')
    const handled = Promise.withResolvers<string | undefined>()
    const handle = traceHandler(
      (message: ConsumeMessage | null) => {
        handled.resolve(trace.getActiveSpan()?.spanContext().spanId)
        channel.ack(message!)
      },
      { queue, transitSpan: { minMs: 0 } },
    )
    await channel.consume(queue, handle)
    const active = await handled.promise
    const [span] = await spans(`consume ${queue}`, 1)
    expect(active).toBe(idOf(span))
    expect(named(`transit ${queue}`)).toHaveLength(1)
  })

  test('the callback API: publish, get and consume', async () => {
    const queue = await scratch.queue()
    const connection = await new Promise<CallbackConnection>((resolve) => {
      connectByCallback(url, (_error, made) => {
        resolve(made)
      })
    })
    const channel = await new Promise<CallbackChannel>((resolve) => {
      connection.createConfirmChannel((_error, made) => {
        resolve(traceConsumer(traceProducer(made)))
      })
    })
    const get = (): Promise<GetMessage | false> =>
      new Promise((resolve) => {
        channel.get(queue, {}, (_error, message) => {
          resolve(message)
        })
      })
    expect(await get()).toBe(false)
    channel.sendToQueue(queue, body('fetched'))
    await new Promise<unknown>((resolve) => {
      channel.waitForConfirms(resolve)
    })
    channel.ack((await get()) as GetMessage)
    await new Promise((resolve) => {
      channel.consume(
        queue,
        (message) => {
          channel.ack(message!)
        },
        {},
        resolve,
      )
    })
    channel.sendToQueue(queue, body('pushed'))
    const [got] = await spans(`get ${queue}`, 1)
    const [consumed] = await spans(`consume ${queue}`, 1)
    const [first, second] = await spans(`publish ${queue}`, 2)
    expect([got, consumed].map((span) => span?.parentSpanContext?.spanId)).toEqual([
      idOf(first),
      idOf(second),
    ])
    expect(outcomes([consumed!])).toEqual(['ack'])
    await new Promise((resolve) => {
      connection.close(resolve)
    })
  })

  test("with OpenTelemetry's own instrumentation active there is one span a side, and the header is ours", async () => {
    const require = createRequire(import.meta.url)
    const amqplib = require.resolve('amqplib').replace(/channel_api\.js$/, '')
    for (const file of Object.keys(require.cache)) if (file.startsWith(amqplib)) delete require.cache[file]
    const instrumentation = new AmqplibInstrumentation()
    try {
      // It patches what is required after it.
      const { connect } = require('amqplib') as typeof import('amqplib')
      const connection = await connect(url)
      const channel = await connection.createConfirmChannel()
      expect(channel).toHaveProperty('publish.__wrapped', true)
      traceConsumer(traceProducer(channel))
      expect(telemetry.warnings).toEqual([
        expect.stringContaining("'@opentelemetry/instrumentation-amqplib': { enabled: false }"),
      ])
      const queue = await scratch.queue()
      await channel.consume(queue, (message) => {
        channel.ack(message!)
      })
      const seen = await new Promise((resolve) => {
        withTenant('acme', () =>
          channel.sendToQueue(queue, body(), {}, () => {
            resolve([tenant(), trace.getActiveSpan()])
          }),
        )
      })
      expect(seen).toEqual(['acme', undefined])
      const [sent] = await spans(`publish ${queue}`, 1)
      const [consumed] = await spans(`consume ${queue}`, 1)
      expect(consumed?.parentSpanContext?.spanId).toBe(idOf(sent))
      const scopes = telemetry.recorder.spans.map((span) => span.instrumentationScope.name)
      expect(new Set(scopes)).toEqual(new Set(['@waybill/rabbitmq']))
      await connection.close()
    } finally {
      instrumentation.disable()
    }
  })
})
