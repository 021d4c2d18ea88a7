import { setTimeout as delay } from 'node:timers/promises'
import { SpanStatusCode } from '@opentelemetry/api'
import type { ConfirmChannel, ConsumeMessage } from 'amqplib'
import { describe, expect, test } from 'vitest'
import { isMissing, lengthOf, outcomes, stage, until } from './stage.ts'

describe.skipIf(isMissing)('settlement', () => {
  const on = stage()

  test.each<[string, (channel: ConfirmChannel, messages: ConsumeMessage[]) => void, unknown[]]>([
    ['ack up to the second', (channel, [, second]) => channel.ack(second!, true), ['ack', 'ack']],
    ['nack up to the second', (channel, [, second]) => channel.nack(second!, true, false), ['nack', 'nack']],
    ['ackAll', (channel) => channel.ackAll(), ['ack', 'ack', 'ack']],
    ['nackAll without requeue', (channel) => channel.nackAll(false), ['nack', 'nack', 'nack']],
    ['reject without requeue', (channel, [, , third]) => channel.reject(third!, false), ['reject']],
    ['ack of the newest', (channel, [, , third]) => channel.ack(third!), ['ack']],
    ['ack by tag alone', (channel) => channel.ack({ fields: { deliveryTag: 2 } } as ConsumeMessage), ['ack']],
  ])('rabbitmq-2: %s', async (_call, settle, expected) => {
    const [queue, channel] = [await on.scratch.queue(), await on.traced()]
    const messages = await on.inFlight(channel, queue, 3)
    expect(on.named(`consume ${queue}`)).toEqual([])
    settle(channel, messages)
    expect(outcomes(on.named(`consume ${queue}`))).toEqual(expected)
    const left = 3 - expected.length
    await channel.close()
    expect(outcomes(await on.spans(`consume ${queue}`, 3)).slice(expected.length)).toEqual(
      Array.from({ length: left }, () => 'channel_closed'),
    )
  })

  test('rabbitmq-2: a handler that hands its message on and acks it later, from elsewhere', async () => {
    const [queue, channel] = [await on.scratch.queue(), await on.traced()]
    const [message] = await on.inFlight(channel, queue, 1)
    await delay(50)
    expect(on.telemetry.recorder.open).toEqual([`consume ${queue}`])
    channel.ack(message!)
    const [span] = on.named(`consume ${queue}`)
    expect(outcomes([span!])).toEqual(['ack'])
    expect(lengthOf(span!)).toBeGreaterThan(0.048)
  })

  test('rabbitmq-2: the span ends with the handler where that is later than the ack', async () => {
    const [queue, channel] = [await on.scratch.queue(), await on.traced()]
    const release = Promise.withResolvers<void>()
    await on.scratch.consume(channel, queue, async (message) => {
      channel.ack(message)
      await release.promise
    })
    await on.put(channel, queue)
    await until(() => {
      expect(on.telemetry.recorder.open).toEqual([`consume ${queue}`])
    })
    release.resolve()
    expect(outcomes(await on.spans(`consume ${queue}`))).toEqual(['ack'])
  })

  test('rabbitmq-2: a call that the client refuses settles nothing', async () => {
    const [queue, channel] = [await on.scratch.queue(), await on.traced()]
    await on.inFlight(channel, queue, 1)
    expect(() => channel.ack({} as never)).toThrow(TypeError)
    expect(on.telemetry.recorder.open).toEqual([`consume ${queue}`])
    channel.ackAll()
  })

  test("rabbitmq-3: noAck: the span is as long as the handler's promise", async () => {
    const [queue, channel] = [await on.scratch.queue(), await on.traced()]
    await on.scratch.consume(channel, queue, () => delay(30), { noAck: true })
    await on.put(channel, queue)
    const [span] = await on.spans(`consume ${queue}`)
    expect(lengthOf(span!)).toBeGreaterThan(0.028)
    expect(outcomes([span!])).toEqual([undefined])
  })

  test.each<[string, (channel: ConfirmChannel, message: ConsumeMessage) => void]>([
    ['nack', (channel, message) => channel.nack(message)],
    ['reject', (channel, message) => channel.reject(message)],
    ['nackAll', (channel) => channel.nackAll()],
    ['nack with requeue', (channel, message) => channel.nack(message, false, true)],
  ])('rabbitmq-7: %s requeues by default, which is no error', async (_call, requeue) => {
    const [queue, channel] = [await on.scratch.queue(), await on.traced()]
    await on.put(channel, queue)
    let deliveries = 0
    await on.scratch.consume(channel, queue, (message) => {
      if (++deliveries === 1) requeue(channel, message)
      else channel.ack(message)
    })
    const spans = await on.spans(`consume ${queue}`, 2)
    expect(outcomes(spans)).toEqual(['requeue', 'ack'])
    for (const span of spans) {
      expect(span.status.code).toBe(SpanStatusCode.UNSET)
      expect(span.attributes).not.toHaveProperty('error.type')
    }
  })

  test.each<[string, (channel: ConfirmChannel) => unknown]>([
    ['recover', (channel) => channel.recover()],
    ['nackAll', (channel) => channel.nackAll()],
  ])('rabbitmq-9: %s ends all that is open as requeue', async (_call, requeue) => {
    const [queue, channel] = [await on.scratch.queue(), await on.traced()]
    await on.inFlight(channel, queue, 2)
    await requeue(channel)
    expect(outcomes(on.named(`consume ${queue}`))).toEqual(['requeue', 'requeue'])
    await until(() => {
      expect(on.telemetry.recorder.open).toEqual([`consume ${queue}`, `consume ${queue}`])
    })
    channel.ackAll()
  })
})
