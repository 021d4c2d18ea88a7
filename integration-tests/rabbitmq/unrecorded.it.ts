import { context, metrics, propagation, trace } from '@opentelemetry/api'
import { traceConsumer, traceProducer } from '@waybill/rabbitmq'
import type { ConsumeMessage } from 'amqplib'
import { describe, expect, test, vi } from 'vitest'
import { histogram } from '../telemetry.ts'
import { watchUnrecorded } from '../unrecorded.ts'
import { body, isMissing, stage, until } from './stage.ts'

// What needs no clock of the behaviour about cost; the rest is measured by `npm run bench`.
describe.skipIf(isMissing)('where nothing is recorded', () => {
  const on = stage()

  test('rabbitmq-30: without an SDK the client is given what the caller gave, and nothing is written', async () => {
    const channel = await on.scratch.channel()
    const publish = vi.spyOn(channel, 'publish')
    traceConsumer(traceProducer(channel))
    const queue = await on.scratch.queue()
    for (const api of [trace, metrics, propagation, context]) api.disable()
    const [options, confirmed] = [{ headers: { tenant: 'acme' } }, vi.fn()]
    const content = body()
    channel.sendToQueue(queue, content, options, confirmed)
    const [call] = publish.mock.calls
    expect(call?.[2]).toBe(content)
    expect(call?.[3]).toBe(options)
    expect(call?.[4]).toBe(confirmed)
    const seen = Promise.withResolvers<ConsumeMessage>()
    await on.scratch.consume(channel, queue, seen.resolve)
    const message = await seen.promise
    channel.ack(message)
    await channel.waitForConfirms()
    expect(options).toEqual({ headers: { tenant: 'acme' } })
    const own = Object.keys(message.properties.headers ?? {}).filter((name) => name !== 'timestamp_in_ms')
    expect(own).toEqual(['tenant'])
  })

  test('rabbitmq-30: sampled out, two spans of a message are shown to the sampler, and nothing else is said', async () => {
    await on.restart({ sampled: false })
    const unrecorded = watchUnrecorded()
    const [queue, channel] = [await on.scratch.queue(), await on.caught()]
    const headers: unknown[] = []
    await on.scratch.consume(channel, queue, async (message) => {
      headers.push(message.properties.headers?.['traceparent'])
      channel.reject(message, false)
      throw new Error('no')
    })
    await on.put(channel, queue)
    await until(() => {
      expect(unrecorded.ended).toBe(2)
    })
    expect(unrecorded.started).toEqual([`publish ${queue}`, `consume ${queue}`])
    expect(unrecorded.said).toEqual([])
    // The decision goes with the message, and the wait is measured all the same.
    expect(headers).toEqual([expect.stringMatching(/-00$/)])
    const [series] = await on.telemetry.series('waybill.transit.duration')
    expect(histogram(series).count).toBe(1)
  })
})
