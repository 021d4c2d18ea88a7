import { setTimeout as delay } from 'node:timers/promises'
import { traceHandler, traceProducer } from '@waybill/rabbitmq'
import { Connection, ConsumerStatus, type AsyncMessage } from 'rabbitmq-client'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import {
  attempts,
  idOf,
  inSpan,
  isMissing,
  lengthOf,
  outcomes,
  parentOf,
  seconds,
  stage,
  tenant,
  traceIds,
  until,
  url,
  withTenant,
} from './stage.ts'

describe.skipIf(isMissing)('rabbitmq-client', () => {
  const on = stage()
  let connection: Connection
  beforeEach(() => {
    connection = new Connection(url)
  })
  afterEach(() => {
    // Not close(), which waits for consumers that a failed test has left.
    connection.unsafeDestroy()
  })

  test('publisher and consumer: one trace, baggage, wait, message id', async () => {
    const queue = await on.scratch.queue()
    const publisher = traceProducer(connection.createPublisher({ confirm: true }))
    expect(traceProducer(publisher)).toBe(publisher)
    const envelope = Object.freeze({
      routingKey: queue,
      messageId: 'm1',
      headers: Object.freeze({ own: 'yes' }),
    })
    await withTenant('acme', () => publisher.send(envelope, 'a'))
    await withTenant('acme', () => publisher.send(queue, 'b'))
    const seen: unknown[] = []
    const handler = (message: AsyncMessage): void => void seen.push(message.headers?.['own'], tenant())
    const consumer = connection.createConsumer(
      { queue, queueOptions: { passive: true } },
      traceHandler(handler, { queue, transitSpan: { minMs: 0 } }),
    )
    const consumed = await on.spans(`consume ${queue}`, 2)
    const sent = on.named(`publish ${queue}`)
    expect(consumed.map(parentOf)).toEqual(sent.map(idOf))
    expect(seen).toEqual(['yes', 'acme', undefined, 'acme'])
    expect(on.named(`transit ${queue}`)).toHaveLength(2)
    expect([...sent, ...consumed].map((span) => span.attributes['messaging.message.id'])).toEqual([
      'm1',
      undefined,
      'm1',
      undefined,
    ])
    await consumer.close()
    await publisher.close()
  })

  test('what the handler returns is the outcome; what it throws is recorded', async () => {
    const queue = await on.scratch.queue()
    const publisher = traceProducer(connection.createPublisher({ confirm: true }))
    await publisher.send(queue, 'a')
    await publisher.send(queue, 'b')
    const answers = [() => ConsumerStatus.REQUEUE, () => ConsumerStatus.DROP, () => ConsumerStatus.ACK]
    let deliveries = 0
    const consumer = connection.createConsumer(
      { queue, queueOptions: { passive: true }, qos: { prefetchCount: 1 }, requeue: false },
      traceHandler(
        async (_message: AsyncMessage) => {
          const answer = answers[deliveries++]
          if (answer === undefined) throw new RangeError('no')
          return answer()
        },
        { queue },
      ),
    )
    consumer.on('error', () => undefined)
    await on.spans(`consume ${queue}`, 3)
    await publisher.send(queue, 'c')
    const spans = await on.spans(`consume ${queue}`, 4)
    expect(outcomes(spans)).toEqual(['requeue', 'nack', 'ack', undefined])
    expect(attempts(spans).toSorted((a, b) => Number(a) - Number(b))).toEqual([1, 1, 1, 2])
    expect(spans[3]?.attributes['error.type']).toBe('RangeError')
    await consumer.close()
    await publisher.close()
  })

  test('what waits in the client for its turn is part of the wait', async () => {
    const queue = await on.scratch.queue()
    const publisher = traceProducer(connection.createPublisher({ confirm: true }))
    await publisher.send(queue, 'a')
    await publisher.send(queue, 'b')
    const consumer = connection.createConsumer(
      { queue, queueOptions: { passive: true }, qos: { prefetchCount: 10 }, concurrency: 1 },
      traceHandler(() => delay(60), { queue }),
    )
    const [first, second] = await on.spans(`consume ${queue}`, 2)
    const [, sent] = on.named(`publish ${queue}`)
    const started = seconds(second!.startTime)
    expect(started).toBeGreaterThan(seconds(first!.startTime) + 0.055)
    const wait = Number(second?.attributes['waybill.transit.time'])
    expect(Math.abs(wait - (started - seconds(sent!.startTime)))).toBeLessThan(0.02)
    expect(lengthOf(second!)).toBeGreaterThan(0.055)
    await consumer.close()
    await publisher.close()
  })

  test('rabbitmq-36: request and reply: the span of the request lasts until the reply', async () => {
    const queue = await on.scratch.queue()
    const server = connection.createConsumer(
      { queue, queueOptions: { passive: true } },
      traceHandler(
        async (message: AsyncMessage, reply: (body: unknown) => Promise<void>) => {
          await reply(`${String(message.body)}!`)
        },
        { queue },
      ),
    )
    const client = traceProducer(connection.createRPCClient({ confirm: true }))
    const reply = await inSpan('request', () => client.send({ routingKey: queue }, 'ping'))
    expect(reply.body).toBe('ping!')
    const [asked] = await on.spans(`publish ${queue}`)
    const [answered] = await on.spans('publish amq.rabbitmq.reply-to')
    const [handled] = await on.spans(`consume ${queue}`)
    expect(parentOf(handled)).toBe(idOf(asked))
    expect(parentOf(answered)).toBe(idOf(handled))
    await until(() => {
      expect(traceIds(on.telemetry.recorder.spans).size).toBe(1)
    })
    await client.close()
    await server.close()
  })

  test('rabbitmq-12: a refusal is the error of its span', async () => {
    const queue = await on.scratch.queue({ maxLength: 1, arguments: { 'x-overflow': 'reject-publish' } })
    const publisher = traceProducer(connection.createPublisher({ confirm: true }))
    await publisher.send(queue, 'fits')
    await expect(publisher.send(queue, 'refused')).rejects.toThrow()
    const [, refused] = on.named(`publish ${queue}`)
    expect(refused?.attributes['error.type']).toBeDefined()
    await publisher.close()
  })
})
