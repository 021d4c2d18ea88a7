import { expect, test } from 'vitest'
import manifest from '../package.json' with { type: 'json' }
import { traceHandler, traceProducer } from '../src/index.ts'
import { VERSION } from '../src/version.ts'

test('the scope version is the package version', () => {
  expect(VERSION).toBe(manifest.version)
})

test.each([[null], [undefined], [{}], [{ add: () => 'neither' }], ['redis://localhost']])(
  '%o is no client',
  (client) => {
    expect(() => traceProducer(client as never)).toThrow(
      /^@waybill\/redis-streams: traceProducer\(\) expected a client of ioredis or node-redis, got .+ Pass what new Redis\(\)/,
    )
  },
)

test('a handler must be a function, and the stream be named', () => {
  expect(() => traceHandler(undefined as never, { stream: 's' })).toThrow(
    'traceHandler() expected a function',
  )
  expect(() => traceHandler(() => undefined, {} as never)).toThrow('expected option stream')
  expect(() => traceHandler(() => undefined, { stream: '' })).toThrow(
    'option stream to be a non-empty string',
  )
  expect(() => traceHandler(() => undefined, { stream: 's', gruop: 'g' } as never)).toThrow('"gruop"')
  expect(() => traceProducer({ xadd: () => undefined }, { relation: 'child' } as never)).toThrow(
    'option relation',
  )
})
