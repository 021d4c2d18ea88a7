import { describe, expect, test } from 'vitest'
import { diagnosisOf } from './made-spans.ts'
import { readFixture } from './reading.ts'

/** Each export has three sound messages and three whose context was lost between gateway and worker. */
const peers = [
  ['bullmq-otel', 'certain', 'bullmq', 'bullmqTelemetry()'],
  ['amqplib', 'certain', 'rabbitmq', 'traceConsumer(channel)'],
  // Neither says an offset on both sides: the hop is sure, the pairs are not.
  ['kafkajs', 'probable', 'kafka', 'traceConsumer(kafka.consumer('],
  ['dd-trace', 'probable', 'kafka', 'traceConsumer(kafka.consumer('],
  // Always a new trace; the sound ones are linked.
  ['sentry', 'certain', 'bullmq', 'bullmqTelemetry()'],
] as const

describe('doctor-2: in an export of', () => {
  test.each(peers)('%s the lost hop is found, %s', async (peer, level, system, fix) => {
    const { spans, input } = await readFixture(`peer-${peer}.otlp.jsonl`)
    const { findings } = diagnosisOf(spans, {}, input)
    const lost = findings.filter(({ rule }) => rule === 'MQ-CONTEXT-LOST')
    expect(lost).toHaveLength(1)
    expect(lost[0]).toMatchObject({
      level,
      count: 3,
      hop: { system, producer: 'gateway', destination: 'jobs', consumer: 'worker' },
    })
    expect(lost[0]?.fix).toContain(fix)
  })

  test.each(peers)('%s nothing but that and its waits is found', async (peer) => {
    const { spans, input } = await readFixture(`peer-${peer}.otlp.jsonl`)
    const rules = diagnosisOf(spans, {}, input).findings.map(({ rule, level }) => `${rule} ${level}`)
    // None of these tools records a wait.
    expect(new Set(rules.filter((rule) => !rule.startsWith('MQ-CONTEXT-LOST')))).toEqual(
      new Set(['UNEXPLAINED-GAP certain']),
    )
  })
})
