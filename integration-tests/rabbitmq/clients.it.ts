import { promisify } from 'node:util'
import { traceConnection, traceConsumer, traceHandler, traceProducer } from '@waybill/rabbitmq'
import type { ChannelModel, ConfirmChannel, ConsumeMessage, GetMessage } from 'amqplib'
import type {
  ConfirmChannel as CallbackChannel,
  Connection as CallbackConnection,
} from 'amqplib/callback_api'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { amqplibs } from './clients.ts'
import { body, event, idOf, isMissing, outcomes, parentOf, stage, url } from './stage.ts'

/** What became of `waitForConfirms()`. */
const settled = (promise: Promise<unknown>): Promise<string> =>
  promise.then(
    () => 'resolved',
    (error: Error) => error.message,
  )

test('the releases that are claimed', () => {
  expect(amqplibs.map(({ version }) => version)).toEqual(['2.3.1', '2.2.0', '1.0.7', '0.10.9'])
})

describe.skipIf(isMissing).each(amqplibs)('amqplib $version', ({ promises, callbacks }) => {
  const on = stage()

  describe('promise API', () => {
    let connection: ChannelModel
    beforeEach(async () => {
      connection = await promises.connect(url)
    })
    afterEach(() => connection.close())
    const channel = async (): Promise<ConfirmChannel> => {
      const made = await connection.createConfirmChannel()
      return made.on('error', () => undefined)
    }

    test('publish, consume, settle, get', async () => {
      const queue = await on.scratch.queue()
      const traced = traceConsumer(traceProducer(await channel()))
      traced.sendToQueue(queue, body('fetched'))
      expect(on.named(`publish ${queue}`)).toEqual([])
      await traced.waitForConfirms()
      const message = (await traced.get(queue)) as GetMessage
      traceHandler((_message: GetMessage) => undefined, { queue })(message)
      traced.ack(message)
      await traced.consume(queue, (pushed) => {
        traced.ack(pushed!)
      })
      traced.sendToQueue(queue, body('pushed'))
      const [first, second] = await on.spans(`publish ${queue}`, 2)
      const [handled, consumed] = await on.spans(`consume ${queue}`, 2)
      expect([handled, consumed].map(parentOf)).toEqual([idOf(first), idOf(second)])
      expect(outcomes([handled!, consumed!])).toEqual(['ack', 'ack'])
    })

    test('rabbitmq-12: nack, unroutable and a lost channel', async () => {
      const queue = await on.scratch.queue({ maxLength: 1, arguments: { 'x-overflow': 'reject-publish' } })
      const traced = traceProducer(await channel())
      traced.sendToQueue(queue, body())
      traced.sendToQueue(`${queue}-absent`, body(), { mandatory: true })
      await traced.waitForConfirms()
      traced.sendToQueue(queue, body())
      await settled(traced.waitForConfirms())
      const closed = event(traced, 'close')
      traced.publish('no-such-exchange', '', body())
      await closed
      const errors = on.telemetry.recorder.spans.map((span) => span.attributes['error.type'])
      expect(new Set(errors)).toEqual(new Set(['404', 'NO_ROUTE', 'nack', undefined]))
    })

    test.each([
      ['without callbacks', undefined],
      ['with callbacks', () => undefined],
    ])(
      'rabbitmq-13: waitForConfirms after a lost channel, %s, is as on the bare client',
      async (_how, callback) => {
        const answers = []
        for (const made of [await channel(), traceProducer(await channel())]) {
          const closed = event(made, 'close')
          made.publish('no-such-exchange', '', body(), {}, callback)
          await closed
          answers.push(await settled(made.waitForConfirms()))
        }
        expect(answers[1]).toBe(answers[0])
      },
    )

    test.each([
      ['without callbacks', undefined],
      ['with callbacks', () => undefined],
    ])(
      'rabbitmq-13: waitForConfirms with a message refused, %s, is as on the bare client',
      async (_how, callback) => {
        const answers = []
        for (const made of [await channel(), traceProducer(await channel())]) {
          const queue = await on.scratch.queue({
            maxLength: 1,
            arguments: { 'x-overflow': 'reject-publish' },
          })
          for (let i = 0; i < 3; i++) made.sendToQueue(queue, body(), {}, callback)
          answers.push(await settled(made.waitForConfirms()))
        }
        expect(answers).toEqual(['message nacked', 'message nacked'])
      },
    )
  })

  test('callback API: publish, get and consume', async () => {
    const queue = await on.scratch.queue()
    const connection = await promisify<CallbackConnection>((done) => {
      callbacks.connect(url, done)
    })()
    const channel = await promisify<CallbackChannel>((done) => {
      connection.createConfirmChannel((error, made) => {
        done(error as Error | null, traceConsumer(traceProducer(made)))
      })
    })()
    const get = promisify<GetMessage | false>((done) => {
      channel.get(queue, {}, done)
    })
    expect(await get()).toBe(false)
    channel.sendToQueue(queue, body('fetched'))
    await promisify((done) => {
      channel.waitForConfirms(done as () => void)
    })()
    channel.ack((await get()) as GetMessage)
    await promisify((done) => {
      channel.consume(
        queue,
        (message) => {
          channel.ack(message!)
        },
        {},
        done,
      )
    })()
    channel.sendToQueue(queue, body('pushed'))
    const [got] = await on.spans(`get ${queue}`)
    const [consumed] = await on.spans(`consume ${queue}`)
    const [first, second] = await on.spans(`publish ${queue}`, 2)
    expect([got, consumed].map(parentOf)).toEqual([idOf(first), idOf(second)])
    expect(outcomes([consumed!])).toEqual(['ack'])
    await promisify((done) => {
      connection.close(done as () => void)
    })()
  })

  test('rabbitmq-31: a traced connection traces each of its channels, once', async () => {
    const queue = await on.scratch.queue()
    const connection = traceConnection(await promises.connect(url))
    expect(traceConnection(connection)).toBe(connection)
    const confirming = await connection.createConfirmChannel()
    const plain = await connection.createChannel()
    await plain.consume(queue, (message: ConsumeMessage | null) => {
      plain.ack(message!)
    })
    confirming.sendToQueue(queue, body())
    const [span] = await on.spans(`consume ${queue}`)
    expect(parentOf(span)).toBe(idOf((await on.spans(`publish ${queue}`))[0]))
    await connection.close()
  })

  test('rabbitmq-31: so does one of the callback API', async () => {
    const queue = await on.scratch.queue()
    const connection = traceConnection(
      await promisify<CallbackConnection>((done) => {
        callbacks.connect(url, done)
      })(),
    )
    const channel = await promisify<CallbackChannel>((done) => {
      connection.createConfirmChannel(done as never)
    })()
    channel.sendToQueue(queue, body())
    await on.spans(`publish ${queue}`)
    await promisify((done) => {
      connection.close(done as () => void)
    })()
  })
})
