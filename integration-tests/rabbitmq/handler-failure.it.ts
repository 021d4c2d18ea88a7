import { SpanStatusCode } from '@opentelemetry/api'
import { describe, expect, test } from 'vitest'
import { event, isMissing, outcomes, stage } from './stage.ts'

describe.skipIf(isMissing)('a handler that fails', () => {
  const on = stage()
  const thrown = new RangeError('no')

  /** What `run` leaves unhandled. vitest listens too, and would take it for a failure of the test. */
  async function unhandledIn(run: () => Promise<unknown>): Promise<unknown> {
    const heard = process.listeners('unhandledRejection')
    process.removeAllListeners('unhandledRejection')
    const unhandled = event(process, 'unhandledRejection')
    try {
      await run()
      return (await unhandled)[0]
    } finally {
      for (const listener of heard) process.on('unhandledRejection', listener)
    }
  }

  test('rabbitmq-4, rabbitmq-5: by rejection: recorded, still an unhandledRejection, the message unsettled', async () => {
    const [queue, channel] = [await on.scratch.queue(), await on.traced()]
    const unhandled = await unhandledIn(async () => {
      await on.scratch.consume(channel, queue, () => Promise.reject(thrown))
      await on.put(channel, queue)
    })
    expect(unhandled).toBe(thrown)
    const [span] = await on.spans(`consume ${queue}`)
    expect(outcomes([span!])).toEqual(['abandoned'])
    expect(span?.status.code).toBe(SpanStatusCode.ERROR)
    expect(span?.attributes['error.type']).toBe('RangeError')
    expect(span?.events[0]?.attributes?.['exception.message']).toBe('no')
    await channel.checkQueue(queue)
  })

  test('rabbitmq-4: by rejection after it has settled the message: that outcome, and the error', async () => {
    const [queue, channel] = [await on.scratch.queue(), await on.caught()]
    await on.scratch.consume(channel, queue, (message) => {
      channel.reject(message, false)
      return Promise.reject(thrown)
    })
    await on.put(channel, queue)
    const [span] = await on.spans(`consume ${queue}`)
    expect(outcomes([span!])).toEqual(['reject'])
    expect(span?.attributes['error.type']).toBe('RangeError')
  })

  test('rabbitmq-4, rabbitmq-5: by throwing: recorded, and the client closes the channel', async () => {
    const [queue, channel] = [await on.scratch.queue(), await on.traced()]
    const closed = event(channel, 'close')
    await channel.consume(queue, () => {
      throw thrown
    })
    await on.put(await on.scratch.channel(), queue)
    await closed
    const [span] = await on.spans(`consume ${queue}`)
    expect(outcomes([span!])).toEqual(['channel_closed'])
    expect(span?.attributes['error.type']).toBe('RangeError')
    expect(span?.events[0]?.attributes?.['exception.stacktrace']).toContain('handler-failure.it.ts')
  })

  test("rabbitmq-6: by throwing where somebody listens for 'handler-error': the channel lives, the span ends", async () => {
    const [queue, channel] = [await on.scratch.queue(), await on.traced()]
    const heard = event(channel, 'handler-error')
    await channel.consume(queue, () => {
      throw thrown
    })
    await on.put(channel, queue)
    expect((await heard)[0]).toBe(thrown)
    expect(outcomes(await on.spans(`consume ${queue}`))).toEqual(['abandoned'])
    await channel.checkQueue(queue)
  })

  test('rabbitmq-4: without acks: recorded, and nothing is said of an outcome', async () => {
    const [queue, channel] = [await on.scratch.queue(), await on.caught()]
    await on.scratch.consume(channel, queue, () => Promise.reject(thrown), { noAck: true })
    await on.put(channel, queue)
    const [span] = await on.spans(`consume ${queue}`)
    expect(span?.attributes['error.type']).toBe('RangeError')
    expect(outcomes([span!])).toEqual([undefined])
  })

  test('rabbitmq-27: a consumer that the broker cancels gets its null, untouched', async () => {
    const channel = await on.traced()
    const { queue } = await channel.assertQueue('', { exclusive: true })
    const cancelled = new Promise((resolve) => void channel.consume(queue, resolve))
    await channel.deleteQueue(queue)
    expect(await cancelled).toBeNull()
    expect(on.telemetry.recorder.started).toBe(0)
  })
})
