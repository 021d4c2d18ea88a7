import { EventEmitter } from 'node:events'
import { expect, test } from 'vitest'
import manifest from '../package.json' with { type: 'json' }
import { traceConnection, traceConsumer, traceHandler, traceProducer } from '../src/index.ts'
import { VERSION } from '../src/version.ts'

const publish = (): boolean => true

test('the scope version is the package version', () => {
  expect(VERSION).toBe(manifest.version)
})

test.each([[null], [undefined], [{}], ['amqp://localhost'], [Promise.resolve({ publish })]])(
  '%o is no channel to publish on',
  (channel) => {
    expect(() => traceProducer(channel as never)).toThrow(
      /^@waybill\/rabbitmq: traceProducer\(\) expected an amqplib channel with publish\(\), got .+ Pass what await connection\.createChannel\(\)/,
    )
  },
)

test.each([[null], [undefined], [{ consume: publish }], [new EventEmitter()]])(
  '%o is no channel to consume from',
  (channel) => {
    expect(() => traceConsumer(channel as never)).toThrow(
      /traceConsumer\(\) expected an amqplib channel with \w+\(\)/,
    )
  },
)

test.each([[null], [undefined], [{}], [{ publish, sendToQueue: publish }]])(
  '%o makes no channels',
  (connection) => {
    expect(() => traceConnection(connection as never)).toThrow(
      /traceConnection\(\) expected a connection with createChannel\(\), got .+ Pass what await connect\(\)/,
    )
  },
)

test('a handler must be a function and needs its queue', () => {
  expect(() => traceHandler({} as never, { queue: 'q' })).toThrow('traceHandler() expected a message handler')
  expect(() => traceHandler(publish, undefined as never)).toThrow('expected option queue, got undefined')
  expect(() => traceHandler(publish, { queue: 7 } as never)).toThrow('option queue to be the name of a queue')
})

test('options are checked, and what was refused is left as it was', () => {
  const channel = { publish, sendToQueue: publish }
  expect(() => traceProducer(channel, { relations: 'link' } as never)).toThrow('"relations"')
  expect(() => traceProducer(channel, { queue: 'q' } as never)).toThrow('"queue"')
  expect(() => traceConnection({ createChannel: publish }, { relations: 'link' } as never)).toThrow(
    '"relations"',
  )
  expect(() => traceHandler(publish, { queue: 'q', trust: 'all' } as never)).toThrow('option trust')
  expect(channel).toEqual({ publish, sendToQueue: publish })
})
