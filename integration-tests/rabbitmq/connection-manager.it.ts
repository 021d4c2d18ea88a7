import { trace } from '@opentelemetry/api'
import { traceConnection, traceConsumer, traceProducer } from '@waybill/rabbitmq'
import { connect, type AmqpConnectionManager, type ChannelWrapper } from 'amqp-connection-manager'
import type { ConfirmChannel, ConsumeMessage, GetMessage } from 'amqplib'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import {
  attempts,
  idOf,
  inSpan,
  isMissing,
  linksOf,
  outcomes,
  parentOf,
  stage,
  traceIds,
  until,
  url,
} from './stage.ts'
import { textOf } from './scratch.ts'
import { tcpProxy, type TcpProxy } from './tcp-proxy.ts'

describe.skipIf(isMissing)('amqp-connection-manager', () => {
  const on = stage()
  let proxy: TcpProxy
  let manager: AmqpConnectionManager
  beforeEach(async () => {
    proxy = await tcpProxy(url)
    manager = connect(proxy.url, { reconnectTimeInSeconds: 0.1, heartbeatIntervalInSeconds: 30 })
  })
  afterEach(async () => {
    await manager.close()
    await proxy.close()
  })

  const traced = (channel: ChannelWrapper): ChannelWrapper => traceConsumer(traceProducer(channel))

  test('publish, sendToQueue, consume, ack: once each, one trace, the context of the caller', async () => {
    const queue = await on.scratch.queue()
    const channel = traced(manager.createChannel())
    expect(traced(channel)).toBe(channel)
    await channel.consume(queue, (message) => {
      channel.ack(message)
    })
    await inSpan('request', async () => {
      const active = trace.getActiveSpan()
      expect(await channel.sendToQueue(queue, Buffer.from('a'))).toBe(true)
      expect(trace.getActiveSpan()).toBe(active)
      await new Promise((resolve) => void channel.publish('', queue, Buffer.from('b'), {}, resolve))
    })
    const consumed = await on.spans(`consume ${queue}`, 2)
    const sent = on.named(`publish ${queue}`)
    expect(consumed.map(parentOf)).toEqual(sent.map(idOf))
    expect(sent.map(parentOf)).toEqual(on.named('request').flatMap((span) => [idOf(span), idOf(span)]))
    expect(outcomes(consumed)).toEqual(['ack', 'ack'])
  })

  describe.each(['by our setup alone', 'by the application too'])('the channel beneath traced %s', (how) => {
    test('rabbitmq-16: what is published while there is no connection keeps the trace of each caller, once each', async () => {
      const queue = await on.scratch.queue()
      proxy.cut()
      const setup = (raw: ConfirmChannel): void => void traceProducer(raw)
      const channel = traceProducer(manager.createChannel(how === 'by the application too' ? { setup } : {}))
      const published = ['one', 'two', 'three'].map((name) =>
        inSpan(name, () => channel.sendToQueue(queue, Buffer.from(name))),
      )
      expect(on.telemetry.recorder.open.filter((name) => name.startsWith('publish'))).toHaveLength(3)
      proxy.mend()
      await Promise.all(published)
      const consumer = await on.traced()
      const seen = new Map<string, string | undefined>()
      await on.scratch.consume(consumer, queue, (message) => {
        seen.set(textOf(message), trace.getActiveSpan()?.spanContext().traceId)
        consumer.ack(message)
      })
      await on.spans(`consume ${queue}`, 3)
      for (const name of ['one', 'two', 'three']) {
        const [caller] = on.named(name)
        expect(seen.get(name)).toBe(caller?.spanContext().traceId)
      }
      const sent = on.named(`publish ${queue}`)
      expect(sent).toHaveLength(3)
      expect(traceIds(sent).size).toBe(3)
      const [series] = await on.telemetry.series('messaging.client.sent.messages')
      expect(series?.value).toBe(3)
    })
  })

  test('rabbitmq-16: a time-out is the error of its span', async () => {
    proxy.cut()
    const channel = traceProducer(manager.createChannel())
    await expect(channel.sendToQueue('q', Buffer.from('a'), { timeout: 50 })).rejects.toThrow('timeout')
    expect(on.named('publish q')[0]?.attributes['error.type']).toBe('timeout')
    await channel.close()
  })

  test('rabbitmq-11: an unroutable message is the error of its span here, too', async () => {
    const channel = traceProducer(manager.createChannel())
    await channel.publish('amq.direct', 'nobody', Buffer.from('a'), { mandatory: true })
    expect(on.named('publish amq.direct:nobody')[0]?.attributes['error.type']).toBe('NO_ROUTE')
  })

  test('rabbitmq-12: a message refused, an exchange that is not there', async () => {
    const queue = await on.scratch.queue({ maxLength: 1, arguments: { 'x-overflow': 'reject-publish' } })
    const channel = traceProducer(manager.createChannel())
    await channel.sendToQueue(queue, Buffer.from('fits'))
    await expect(channel.sendToQueue(queue, Buffer.from('refused'))).rejects.toThrow('message nacked')
    expect(on.named(`publish ${queue}`).map((span) => span.attributes['error.type'])).toEqual([
      undefined,
      'nack',
    ])
  })

  test('rabbitmq-17: after a reconnect the ack of a dead message ends no other span', async () => {
    const queue = await on.scratch.queue()
    const channel = traced(manager.createChannel())
    const messages: ConsumeMessage[] = []
    await channel.consume(queue, (message) => void messages.push(message), { prefetch: 1 })
    await channel.sendToQueue(queue, Buffer.from('a'))
    await until(() => {
      expect(messages).toHaveLength(1)
    })
    proxy.cut()
    expect(outcomes(await on.spans(`consume ${queue}`))).toEqual(['channel_closed'])
    proxy.mend()
    await until(() => {
      expect(messages).toHaveLength(2)
    })
    const [dead, alive] = messages
    expect(dead!.fields.deliveryTag).toBe(alive!.fields.deliveryTag)
    expect(on.telemetry.recorder.open).toEqual([`consume ${queue}`])
    channel.ack(dead!)
    expect(on.telemetry.recorder.open).toEqual([`consume ${queue}`])
    channel.ack(alive!)
    const spans = on.named(`consume ${queue}`)
    expect(outcomes(spans)).toEqual(['channel_closed', 'ack'])
    expect(attempts(spans)).toEqual([1, 2])
    expect(spans.map(linksOf)[0]).toEqual(spans.map(linksOf)[1])
  })

  test('rabbitmq-31: a traced connection: setups get traced channels, reconnects double nothing', async () => {
    const queue = await on.scratch.queue()
    traceConnection(manager)
    expect(traceConnection(manager)).toBe(manager)
    let connections = 0
    const channel = manager.createChannel({
      json: true,
      async setup(raw: ConfirmChannel) {
        connections++
        await raw.consume(queue, (message) => {
          raw.ack(message!)
        })
      },
    })
    await channel.sendToQueue(queue, { first: true })
    await on.spans(`consume ${queue}`)
    // Answered after the ack before it, which a cut might lose.
    await channel.checkQueue(queue)
    proxy.cut()
    proxy.mend()
    await until(() => {
      expect(connections).toBe(2)
    })
    await channel.sendToQueue(queue, { second: true })
    const consumed = await on.spans(`consume ${queue}`, 2)
    expect(consumed.map(parentOf)).toEqual(on.named(`publish ${queue}`).map(idOf))
  })

  test('rabbitmq-10: get', async () => {
    const queue = await on.scratch.queue()
    const channel = traced(manager.createChannel())
    await channel.sendToQueue(queue, Buffer.from('a'))
    const message = (await channel.get(queue)) as GetMessage
    channel.ack(message)
    expect(parentOf(on.named(`get ${queue}`)[0])).toBe(idOf(on.named(`publish ${queue}`)[0]))
  })
})
