import { expect, test } from 'vitest'
import { requireBrokers } from '../src/index.ts'
import { remedy } from '../src/missing.ts'

const missing = [{ name: 'kafka', reason: 'no engine' } as const]

test.each([{ CI: 'true' }, { CI: '1' }, { REQUIRE_BROKERS: '1' }])(
  'a missing broker fails the run under %o',
  (env) => {
    expect(() => requireBrokers(missing, env)).toThrow(/kafka: no engine/)
  },
)

test.each([{}, { CI: '' }, { CI: 'false' }, { REQUIRE_BROKERS: '0' }])('but not under %o', (env) => {
  expect(() => requireBrokers(missing, env)).not.toThrow()
})

test('with all brokers there is nothing to fail on', () => {
  expect(() => requireBrokers([], { CI: 'true' })).not.toThrow()
})

test('the remedy names every way to have one', () => {
  expect(remedy('redis', 'REDIS_URL')).toBe('give REDIS_URL, start Docker, or install redis-server')
})
