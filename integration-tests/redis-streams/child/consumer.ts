// A consumer in a process of its own, to be killed. usage: consumer.ts <url> <stream> <group> <name>
import { setTimeout as delay } from 'node:timers/promises'
import { context, propagation, trace } from '@opentelemetry/api'
import { spanRecorder } from '@waybill/core/testing'
import { createConsumer } from '@waybill/redis-streams'
import { Redis } from 'ioredis'
import { sdk } from '../../otel-sdk-3/sdk.ts'

const [url = '', stream = '', group = '', name = ''] = process.argv.slice(2)

context.setGlobalContextManager(sdk.contextManager().enable())
propagation.setGlobalPropagator(sdk.propagator())
trace.setGlobalTracerProvider(sdk.tracerProvider(spanRecorder(), true))

const log = new Redis(url)
const consumer = createConsumer({
  client: new Redis(url),
  streams: [stream],
  group,
  consumer: name,
  concurrency: 4,
  count: 10,
  blockMs: 50,
  claim: { minIdleMs: 250, everyMs: 50 },
  maxDeliveries: 3,
  deadLetter: `${stream}:dead`,
  async handler({ id, fields, attempt }) {
    const { traceId } = trace.getActiveSpan()?.spanContext() ?? {}
    await log.rpush(`${stream}:begun`, JSON.stringify({ id, n: fields['n'], attempt, traceId, name }))
    await delay(15)
    if (fields['kind'] === 'poison') throw new Error('poison')
    await log.rpush(`${stream}:done`, String(fields['n']))
  },
})
process.once('SIGTERM', () => {
  void consumer.stop().then(() => {
    process.exit()
  })
})
