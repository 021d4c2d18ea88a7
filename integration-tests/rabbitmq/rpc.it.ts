import { SpanKind, trace } from '@opentelemetry/api'
import { rpcClient } from '@waybill/rabbitmq'
import { traceTree } from '@waybill/core/testing'
import { beforeEach, describe, expect, test } from 'vitest'
import { event, inSpan, isMissing, lengthOf, seconds, stage, tenant, traceIds, until } from './stage.ts'
import { textOf } from './scratch.ts'

const REPLIES = 'amq.rabbitmq.reply-to'

describe.skipIf(isMissing)('request and reply', () => {
  const on = stage()
  let queue: string
  beforeEach(async () => {
    queue = await on.scratch.queue()
    const server = await on.traced()
    await on.scratch.consume(server, queue, (message) => {
      const { replyTo, correlationId } = message.properties
      server.sendToQueue(replyTo, Buffer.from(`${textOf(message)}!`), { correlationId })
      server.ack(message)
    })
  })

  test('rabbitmq-36: one trace, both waits, one span for the round trip; the caller goes on in its own context', async () => {
    const client = await rpcClient(await on.scratch.connection.createChannel(), { transitSpan: { minMs: 0 } })
    const after = await inSpan('request', async () => {
      const before = trace.getActiveSpan()?.spanContext().spanId
      const reply = await client.call(queue, Buffer.from('ping'))
      expect(String(reply.content)).toBe('ping!')
      return [before, trace.getActiveSpan()?.spanContext().spanId, tenant()]
    })
    expect(after[1]).toBe(after[0])
    await on.spans(`consume ${REPLIES}`)
    await on.spans(`consume ${queue}`)
    // The server waits for the confirm of its reply.
    await on.spans(`publish ${REPLIES}`)
    expect(traceTree(on.telemetry.recorder.spans)).toBe(
      [
        'request',
        `  call ${queue}`,
        `    publish ${queue}`,
        `      transit ${queue}`,
        `      consume ${queue}`,
        `        publish ${REPLIES}`,
        `          transit ${REPLIES}`,
        `          consume ${REPLIES}`,
      ].join('\n'),
    )
    const [call] = on.named(`call ${queue}`)
    expect(call?.kind).toBe(SpanKind.CLIENT)
    const [reply] = on.named(`consume ${REPLIES}`)
    // Start times are in whole ms, end times are not.
    expect(seconds(call!.endTime)).toBeGreaterThan(seconds(reply!.startTime) - 0.001)
    const [consumed] = on.named(`consume ${queue}`)
    expect(lengthOf(call!)).toBeGreaterThan(lengthOf(consumed!))
    expect(call?.attributes['messaging.message.conversation_id']).toBe(
      consumed?.attributes['messaging.message.conversation_id'],
    )
    const sent = await on.telemetry.series('messaging.client.sent.messages')
    expect(sent.map(({ value }) => value)).toEqual([1, 1])
  })

  test('rabbitmq-24, rabbitmq-36: the reply address of each client goes by one name', async () => {
    const client = await rpcClient(await on.scratch.connection.createChannel())
    await client.call(queue, Buffer.from('ping'))
    await on.spans(`publish ${REPLIES}`)
    for (const name of ['messaging.client.sent.messages', 'messaging.client.consumed.messages']) {
      await until(async () => {
        const series = await on.telemetry.series(name)
        expect(series).toHaveLength(2)
        expect(JSON.stringify(series)).not.toContain('reply-to.')
      })
    }
  })

  test('rabbitmq-36: many at once, each with its own reply and trace', async () => {
    const client = await rpcClient(await on.scratch.connection.createChannel())
    const replies = await Promise.all(
      Array.from({ length: 20 }, (_, i) => client.call(queue, Buffer.from(String(i)))),
    )
    expect(replies.map(({ content }) => String(content))).toEqual(
      Array.from({ length: 20 }, (_, i) => `${i}!`),
    )
    await on.spans(`publish ${REPLIES}`, 20)
    expect(traceIds(on.telemetry.recorder.spans).size).toBe(20)
  })

  test('rabbitmq-36: a request that nobody takes, none that answers, a channel that closes', async () => {
    const channel = await on.scratch.connection.createChannel()
    const client = await rpcClient(channel, { timeoutMs: 50 })
    await expect(client.call(`${queue}-absent`, Buffer.from('a'))).rejects.toThrow('NO_ROUTE')
    const silent = await on.scratch.queue()
    await expect(client.call(silent, Buffer.from('a'))).rejects.toThrow('no reply from')
    const closing = client.call(silent, Buffer.from('a'))
    const closed = event(channel, 'close')
    await Promise.all([expect(closing).rejects.toThrow('channel closed'), channel.close(), closed])
    await expect(client.call(queue, Buffer.from('a'))).rejects.toThrow('Channel closed')
    const failed = on.telemetry.recorder.spans.filter((span) => span.name.startsWith('call '))
    expect(failed.map((span) => span.attributes['error.type'])).toEqual([
      'Error',
      'Error',
      'Error',
      'IllegalOperationError',
    ])
  })
})
