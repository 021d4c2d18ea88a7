// What the tests of a shop do: five orders go through a relay to a worker.
import { randomUUID } from 'node:crypto'
import { SpanKind, trace } from '@opentelemetry/api'
import { traceHandler, traceProducer } from '@waybill/redis-streams'
import { Redis } from 'ioredis'
import { relay } from './relay.ts'
import { startTelemetry } from './telemetry.ts'

const flush = startTelemetry()
const url = process.env['REDIS_URL'] ?? 'redis://127.0.0.1:6379'
const run = randomUUID()
const [orders, checked] = [`orders-${run}`, `checked-${run}`]
const redis = new Redis(url)
const shop = traceProducer(new Redis(url))

const tracer = trace.getTracer('shop')
for (let order = 1; order <= 5; order++) {
  await tracer.startActiveSpan('POST /orders', { kind: SpanKind.SERVER }, async (span) => {
    await shop.xadd(orders, '*', 'order', `${order}`)
    span.end()
  })
}
await relay(redis, orders, checked, process.env['TIDY'] === 'yes')

const handle = traceHandler(() => Promise.resolve(), { stream: checked })
for (const entry of await redis.xrange(checked, '-', '+')) await handle(entry)

await redis.del(orders, checked)
redis.disconnect()
shop.disconnect()
await flush()
