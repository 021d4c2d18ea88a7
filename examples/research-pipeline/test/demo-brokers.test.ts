import { expect, test } from 'vitest'
import { linesFor } from '../src/demo/demo-brokers.ts'

test('brokers that had to be left out are named, each with how to get it', () => {
  expect(linesFor([])).toEqual([])
  const lines = linesFor([
    { name: 'redis', reason: 'redis-server is not installed. To have one: give REDIS_URL' },
    { name: 'kafka', reason: 'KAFKA_BROKERS is set, but nobody answers' },
  ])
  expect(lines[1]).toContain('(Kafka, Redis missing)')
  expect(lines.slice(3)).toEqual([
    '  Redis: redis-server is not installed. To have one: give REDIS_URL',
    '  Kafka: KAFKA_BROKERS is set, but nobody answers',
  ])
})
