import { context, propagation, ROOT_CONTEXT, trace } from '@opentelemetry/api'
import { bullmqTelemetry } from '@waybill/bullmq'
import { traceConsumer as traceKafka } from '@waybill/kafka'
import { propagateAttributes } from '@langfuse/tracing'
import { BullMQOtel } from 'bullmq-otel'
import { CloudEvent, Kafka as KafkaBinding } from 'cloudevents'
import { afterEach, beforeEach, describe, expect, inject, test, vi } from 'vitest'
import { bullmqScratch, type BullmqScratch } from '../bullmq/scratch.ts'
import { kafkaScratch } from '../kafka/scratch.ts'
import { installSdk, type TestTelemetry } from '../telemetry.ts'

const [redis, kafka] = [inject('brokers').redis, inject('brokers').kafka]
const redisUrl = 'url' in redis ? redis.url : ''
const kafkaUrl = 'url' in kafka ? kafka.url : ''

let telemetry: TestTelemetry
beforeEach(() => {
  telemetry = installSdk()
})
afterEach(async () => {
  expect(telemetry.recorder.open).toEqual([])
  await telemetry.uninstall()
})
const spans = (operation: string) =>
  telemetry.recorder.spans.filter(({ name }) => name.startsWith(`${operation} `))
const processed = (count: number) =>
  vi.waitFor(
    () => {
      expect(spans('process')).toHaveLength(count)
      expect(telemetry.recorder.open).toEqual([])
    },
    { timeout: 8000, interval: 10 },
  )

describe.skipIf(redisUrl === '')('on one BullMQ queue', () => {
  let scratch: BullmqScratch
  beforeEach(() => {
    scratch = bullmqScratch(redisUrl)
  })
  afterEach(() => scratch.close())

  test('agents-34: poison in the metadata: every job runs, the worker closes, the good ones join', async () => {
    const sentry = `${'a'.repeat(32)}-${'b'.repeat(16)}-1`
    const datadog = JSON.stringify({ _datadog: { 'x-datadog-trace-id': '7', 'x-datadog-parent-id': '8' } })
    const poison = ['null', '"x"', '{}', '[]', 'x'.repeat(1_000_000), sentry, datadog]
    const bare = scratch.queue()
    for (const metadata of poison) await bare.add('poison', {}, { telemetry: { metadata } })
    await scratch.queue(bullmqTelemetry()).add('good', {})
    const done: string[] = []
    const worker = await scratch.worker(async (job) => void done.push(job.name), bullmqTelemetry())
    await processed(poison.length + 1)
    await worker.close()
    expect(done).toHaveLength(poison.length + 1)
    const reasons = spans('process').map(
      ({ attributes, parentSpanContext: parent }) => attributes['waybill.root.reason'] ?? parent?.spanId,
    )
    expect(reasons).toEqual([
      'malformed',
      'malformed',
      'no_carrier',
      'malformed',
      'malformed',
      'b'.repeat(16),
      '0000000000000008',
      spans('add')[0]?.spanContext().spanId,
    ])
  })

  test.each([
    ['bullmq-otel produces, we work', true],
    ['we produce, bullmq-otel works', false],
  ])('agents-35: %s: one trace', async (_, theyProduce) => {
    const theirs = new BullMQOtel({ tracerName: 'peer' }) as never
    await scratch.queue(theyProduce ? theirs : bullmqTelemetry()).add('job', {})
    const worker = await scratch.worker(async () => undefined, theyProduce ? bullmqTelemetry() : theirs)
    await processed(1)
    await worker.close()
    const [sent, handled] = [spans('add')[0], spans('process')[0]]
    expect(handled?.parentSpanContext?.spanId).toBe(sent?.spanContext().spanId)
    expect(handled?.spanContext().traceId).toBe(sent?.spanContext().traceId)
  })

  test('agents-37: what Langfuse writes into baggage is there behind a queue if both sides list it', async () => {
    const listed = ['langfuse_session_id', 'langfuse_user_id']
    const queue = scratch.queue(bullmqTelemetry({ sendBaggage: listed }))
    const more = propagation.createBaggage({ secret: { value: 'x' } })
    await context.with(propagation.setBaggage(ROOT_CONTEXT, more), () =>
      propagateAttributes({ sessionId: 's-7', userId: 'u-1', asBaggage: true }, () => queue.add('job', {})),
    )
    let seen: Record<string, string> = {}
    const keep = async (): Promise<void> => {
      const found = propagation.getActiveBaggage()?.getAllEntries() ?? []
      seen = Object.fromEntries(found.map(([key, { value }]) => [key, value]))
    }
    const worker = await scratch.worker(keep, bullmqTelemetry({ acceptBaggage: listed }))
    await processed(1)
    await worker.close()
    expect(seen).toEqual({ langfuse_session_id: 's-7', langfuse_user_id: 'u-1' })
  })
})

test.skipIf(kafkaUrl === '')(
  'agents-36: the extension traceparent of a CloudEvent in Kafka is linked, and not the parent',
  async () => {
    const scratch = await kafkaScratch(kafkaUrl)
    const topic = await scratch.topic()
    const start = trace.getTracer('test').startSpan('start', {}, ROOT_CONTEXT)
    start.end()
    const { traceId, spanId } = start.spanContext()
    const event = new CloudEvent({
      type: 'asked',
      source: '/test',
      data: 'hello',
      traceparent: `00-${traceId}-${spanId}-01`,
    })
    const { headers, value } = KafkaBinding.binary(event)
    const producer = await scratch.producer()
    await producer.send({ topic, messages: [{ value: String(value), headers: textOf(headers) }] })
    const consumer = await scratch.consumer((c) => traceKafka(c))
    await scratch.run(consumer, topic, async () => undefined)
    await processed(1)
    await scratch.close()
    const [handled] = spans('process')
    expect(handled?.parentSpanContext).toBeUndefined()
    expect(handled?.links.map(({ context: { spanId: linked } }) => linked)).toEqual([spanId])
    expect(handled?.attributes['waybill.root.reason']).toBe('no_carrier')
  },
)

/** kafkajs takes no header without a value. */
function textOf(headers: Record<string, unknown>): Record<string, string> {
  const given = Object.entries(headers).filter(([, value]) => value !== undefined)
  return Object.fromEntries(given.map(([name, value]) => [name, String(value)]))
}
