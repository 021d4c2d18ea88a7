import { expect, test } from 'vitest'
import { createConsumer, tracePipeline } from '../src/index.ts'

const client = { call: () => Promise.resolve(), callBuffer: () => Promise.resolve(), duplicate: () => client }
const fine = { client, streams: ['s'], group: 'g', handler: () => undefined }

test.each([
  [{ ...fine, client: {} }, 'option client to be a client of ioredis or node-redis, got an object'],
  [{ ...fine, client: undefined }, 'expected option client, got undefined'],
  [{ ...fine, streams: [] }, 'option streams to be a list of at least one key'],
  [{ ...fine, streams: 's' }, 'option streams to be a list of at least one key'],
  [{ ...fine, group: '' }, 'option group to be a non-empty string'],
  [{ ...fine, handler: undefined }, 'expected option handler, got undefined'],
  [{ ...fine, handler: 1 }, 'option handler to be a function'],
  [{ ...fine, concurrency: 0 }, 'option concurrency to be an integer from 1 to'],
  [{ ...fine, count: 1.5 }, 'option count to be an integer from 1 to'],
  [{ ...fine, blockMs: 0 }, 'option blockMs to be an integer from 1 to'],
  [{ ...fine, from: 'start' }, "option from to be '0', '$' or an id"],
  [{ ...fine, claim: true }, 'option claim to be false or { minIdleMs, everyMs, heartbeat }'],
  [{ ...fine, claim: { minIdle: 5 } }, 'without minIdle'],
  [{ ...fine, claim: { minIdleMs: 0 } }, 'with minIdleMs an integer from 1 to'],
  [{ ...fine, maxDeliveries: 3 }, 'expected option deadLetter besides maxDeliveries'],
  [{ ...fine, deadLetter: 's' }, 'expected option deadLetter to be another stream, got "s"'],
  [{ ...fine, ackMode: 'never' }, "option ackMode to be 'batch' or 'each'"],
  [{ ...fine, carrier: 'json' }, 'option carrier to be'],
  [{ ...fine, concurency: 1 }, '"concurency"'],
  [{ ...fine, trust: 'maybe' }, 'option trust to be'],
])('createConsumer: %o is refused', (options, message) => {
  expect(() => createConsumer(options as never)).toThrow(message)
  expect(() => createConsumer(options as never)).toThrow(/^@waybill\/redis-streams: createConsumer\(\) /)
})

test.each([[null], [{}], [{ xadd: () => 'a client' }], [{ exec: () => 'no xadd' }]])(
  '%o is no pipeline',
  (pipeline) => {
    expect(() => tracePipeline(pipeline as never)).toThrow(
      'tracePipeline() expected a pipeline or transaction of ioredis or node-redis',
    )
  },
)

test('a bad option of a pipeline is refused each time', () => {
  const options = { relation: 'child' } as never
  for (let i = 0; i < 2; i++) expect(() => tracePipeline({} as never, options)).toThrow('option relation')
})
