import { expect, test } from 'vitest'
import manifest from '../package.json' with { type: 'json' }
import { traceConsumer, traceHandler, traceProducer } from '../src/index.ts'
import * as platformatic from '../src/platformatic.ts'
import { VERSION } from '../src/version.ts'

const send = () => Promise.resolve([])

test('the scope version is the package version', () => {
  expect(VERSION).toBe(manifest.version)
})

test.each([[null], [undefined], [{}], [{ send }], ['localhost:9092']])('%o is no producer', (client) => {
  expect(() => traceProducer(client as never)).toThrow(
    /^@waybill\/kafka: traceProducer\(\) expected a kafkajs producer, got .+ Pass what kafka\.producer\(\) gives you\./,
  )
})

test.each([[null], [undefined], [{ send, sendBatch: send }]])('%o is no consumer', (client) => {
  expect(() => traceConsumer(client as never)).toThrow(
    /^@waybill\/kafka: traceConsumer\(\) expected a kafkajs consumer, got .+ Pass what kafka\.consumer/,
  )
})

test('a handler must be a function', () => {
  expect(() => traceHandler({ eachMessage: send } as never)).toThrow('traceHandler() expected a function')
})

test('options are checked', () => {
  const producer = { send, sendBatch: send }
  const consumer = { run: () => Promise.resolve() }
  expect(() => traceProducer(producer, { group: 'g' } as never)).toThrow('"group"')
  expect(() => traceConsumer(consumer, { gruop: 'g' } as never)).toThrow('"gruop"')
  expect(() => traceConsumer(consumer, { group: '' })).toThrow('option group to be a non-empty string')
  expect(() => traceHandler(send, { clientId: 7 } as never)).toThrow(
    'option clientId to be a non-empty string',
  )
  expect(() => traceProducer(producer, { topics: 'orders' } as never)).toThrow(
    'option topics to be a function',
  )
  expect(() => traceProducer(producer, { messageSpans: 1 } as never)).toThrow('messageSpans to be a boolean')
  expect(() => traceProducer(producer, { replay: true } as never)).toThrow('"replay"')
  expect(() => traceConsumer(consumer, { messageKeys: 'k' } as never)).toThrow('a boolean or a function')
  expect(() => traceConsumer(consumer, { batchParent: 'last' } as never)).toThrow(
    "'none', 'common' or 'first'",
  )
  expect(() => traceConsumer(consumer, { clusterId: '' })).toThrow('clusterId to be a non-empty string')
  expect(() => traceHandler(send, { lag: true } as never)).toThrow('"lag"')
  // What was refused is left as it was.
  expect(producer).toEqual({ send, sendBatch: send })
})

test('the entry for @platformatic/kafka checks its own', () => {
  const refused = /^@waybill\/kafka: traceProducer\(\) expected a producer of @platformatic\/kafka, got .+/
  for (const client of [null, {}, { send, sendBatch: send }])
    expect(() => platformatic.traceProducer(client as never)).toThrow(refused)
  expect(() => platformatic.traceProducer({ send }, { headerForm: 'json' } as never)).toThrow(
    "'bytes' or 'text'",
  )
  expect(() => platformatic.traceProducer({ send }, { group: 'g' } as never)).toThrow('"group"')
  expect(() => platformatic.traceHandler(undefined as never)).toThrow('traceHandler() expected a function')
})
