import { SpanKind, trace } from '@opentelemetry/api'
import { traceHandler } from '@waybill/rabbitmq'
import type { ConfirmChannel, GetMessage } from 'amqplib'
import { describe, expect, test } from 'vitest'
import { idOf, isMissing, outcomes, parentOf, stage, tenant, withTenant } from './stage.ts'

describe.skipIf(isMissing)('fetching with get', () => {
  const on = stage()

  async function fetched(channel: ConfirmChannel, queue: string): Promise<GetMessage> {
    await withTenant('acme', () => on.put(channel, queue))
    return (await channel.get(queue)) as GetMessage
  }

  test('rabbitmq-10: continues the trace; a handler for its message adds work, not a second wait', async () => {
    const [queue, channel] = [await on.scratch.queue(), await on.traced()]
    const message = await fetched(channel, queue)
    const [sent] = on.named(`publish ${queue}`)
    const [got] = on.named(`get ${queue}`)
    expect(got?.kind).toBe(SpanKind.CLIENT)
    expect(parentOf(got)).toBe(idOf(sent))
    expect(got?.attributes['messaging.operation.type']).toBe('receive')
    expect(got?.attributes['waybill.transit.time']).toBeGreaterThanOrEqual(0)

    const handle = traceHandler(
      (_message: GetMessage) => [trace.getActiveSpan()?.spanContext().spanId, tenant()],
      { queue },
    )
    const active = handle(message)
    channel.ack(message)
    const [handled] = on.named(`consume ${queue}`)
    expect(active).toEqual([idOf(handled), 'acme'])
    expect(parentOf(handled)).toBe(idOf(sent))
    expect(on.named(`transit ${queue}`)).toHaveLength(1)
    const consumed = await on.telemetry.series('messaging.client.consumed.messages')
    expect(consumed.map(({ value }) => value)).toEqual([1])
  })

  test.each<[string, (channel: ConfirmChannel, message: GetMessage) => void, string]>([
    ['ack', (channel, message) => channel.ack(message), 'ack'],
    ['nack', (channel, message) => channel.nack(message, false, false), 'nack'],
    ['reject', (channel, message) => channel.reject(message, false), 'reject'],
    ['ackAll', (channel) => channel.ackAll(), 'ack'],
    ['requeueing', (channel, message) => channel.nack(message), 'requeue'],
  ])(
    'rabbitmq-10: how a fetched message is settled later is told by its handler: %s',
    async (_how, settle, outcome) => {
      const [queue, channel] = [await on.scratch.queue(), await on.traced()]
      const message = await fetched(channel, queue)
      await traceHandler(async (_message: GetMessage) => undefined, { queue })(message)
      expect(on.telemetry.recorder.open).toEqual([`consume ${queue}`])
      settle(channel, message)
      expect(outcomes(on.named(`consume ${queue}`))).toEqual([outcome])
    },
  )

  test('rabbitmq-10: a handler that fails, and what the application then does', async () => {
    const [queue, channel] = [await on.scratch.queue(), await on.traced()]
    const message = await fetched(channel, queue)
    const handle = traceHandler((_message: GetMessage) => Promise.reject(new RangeError('no')), { queue })
    await expect(handle(message)).rejects.toThrow('no')
    channel.nack(message, false, false)
    const [span] = on.named(`consume ${queue}`)
    expect(outcomes([span!])).toEqual(['nack'])
    expect(span?.attributes['error.type']).toBe('RangeError')
  })

  test('rabbitmq-10: without acks the span ends with the handler', async () => {
    const [queue, channel] = [await on.scratch.queue(), await on.traced()]
    await on.put(channel, queue)
    const message = (await channel.get(queue, { noAck: true })) as GetMessage
    traceHandler((_message: GetMessage) => undefined, { queue })(message)
    expect(outcomes(on.named(`consume ${queue}`))).toEqual([undefined])
  })

  test('rabbitmq-10: a channel that closes first', async () => {
    const [queue, channel] = [await on.scratch.queue(), await on.traced()]
    const message = await fetched(channel, queue)
    traceHandler((_message: GetMessage) => undefined, { queue })(message)
    await channel.close()
    expect(outcomes(on.named(`consume ${queue}`))).toEqual(['channel_closed'])
  })

  test('rabbitmq-10: an empty get makes no span', async () => {
    const [queue, channel] = [await on.scratch.queue(), await on.traced()]
    expect(await channel.get(queue)).toBe(false)
    expect(on.telemetry.recorder.started).toBe(0)
  })
})
