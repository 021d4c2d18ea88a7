import { createRequire } from 'node:module'
import { context, ROOT_CONTEXT, SpanKind, trace } from '@opentelemetry/api'
import { IORedisInstrumentation } from '@opentelemetry/instrumentation-ioredis'
import { RedisInstrumentation } from '@opentelemetry/instrumentation-redis'
import { traceProducer } from '@waybill/redis-streams'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { installSdk, type TestTelemetry } from '../telemetry.ts'
import { consuming, until, untilCount, type Consuming } from './consuming.ts'
import { redisScratch, servers, type Scratch } from './scratch.ts'

const require = createRequire(import.meta.url)

/** Loads a package anew, so that an instrumentation that is enabled now patches it. */
function fresh<T>(name: string, folder: RegExp): T {
  for (const file of Object.keys(require.cache)) if (folder.test(file)) delete require.cache[file]
  return require(name) as T
}

// On one server: this is about clients, and what an instrumentation has patched stays patched for the next.
describe.each(servers.slice(0, 1))('$title', ({ url, missing }) => {
  describe.skipIf(missing)("beside OpenTelemetry's own instrumentations", () => {
    let telemetry: TestTelemetry
    let scratch: Scratch
    let consumers: Consuming
    beforeEach(() => {
      telemetry = installSdk()
      scratch = redisScratch(url)
      consumers = consuming()
    })
    afterEach(async () => {
      await consumers.stop()
      await scratch.close()
      expect(telemetry.recorder.open).toEqual([])
      await telemetry.uninstall()
    })
    const clients = [
      [
        'ioredis',
        () => new IORedisInstrumentation({ requireParentSpan: false }),
        async () => {
          const { Redis } = fresh<typeof import('ioredis')>('ioredis', /\/ioredis\//)
          const client = new Redis(url)
          return {
            client,
            send: (stream: string) => client.xadd(stream, '*', 'n', '1'),
            close: () => {
              client.disconnect()
            },
          }
        },
      ],
      [
        'node-redis',
        () => new RedisInstrumentation(),
        async () => {
          const { createClient } = fresh<typeof import('redis')>('redis', /\/(redis|@redis\/client)\//)
          const client = createClient({ url })
          await client.connect()
          return {
            client,
            send: (stream: string) => client.xAdd(stream, '*', { n: '1' }),
            close: () => {
              client.destroy()
            },
          }
        },
      ],
    ] as const

    test.each(clients)(
      'redis-streams-22: %s: one messaging span a side; their XADD is a child of ours, their reads make no spans',
      async (_name, instrument, open) => {
        const instrumentation = instrument()
        try {
          const { client, send, close } = await open()
          traceProducer(client as never)
          const stream = scratch.stream()
          const seen: string[] = []
          const consumer = await consumers.start({
            client,
            streams: [stream],
            claim: { minIdleMs: 60, everyMs: 20 },
            handler: ({ id }) => void seen.push(id),
          })
          telemetry.recorder.reset()
          const request = trace.getTracer('test').startSpan('request', {}, ROOT_CONTEXT)
          const id = await context.with(trace.setSpan(ROOT_CONTEXT, request), () => send(stream))
          request.end()
          await untilCount(seen, 1)
          await until(async () => {
            expect(((await scratch.bare.xpending(stream, consumers.group)) as [number])[0]).toBe(0)
          })
          await consumer.stop()
          close()
          expect(seen).toEqual([id])
          const spans = telemetry.recorder.spans.filter(({ name }) => !name.startsWith('transit'))
          // The reply to XADD may come after the entry has been handled.
          const messaging = spans
            .filter((span) => 'messaging.system.name' in span.attributes)
            .toSorted((a, b) => b.name.localeCompare(a.name))
          expect(messaging.map(({ name, kind }) => [name, kind])).toEqual([
            [`xadd ${stream}`, SpanKind.PRODUCER],
            [`process ${stream}`, SpanKind.CONSUMER],
          ])
          const [sent, processed] = messaging
          expect(processed?.parentSpanContext?.spanId).toBe(sent?.spanContext().spanId)
          // Theirs is at work, and of all commands it shows the one that is not ours alone.
          const theirs = spans.filter(({ kind }) => kind === SpanKind.CLIENT)
          expect(theirs.map(({ name }) => name.toLowerCase())).toEqual([expect.stringContaining('xadd')])
          expect(theirs[0]?.parentSpanContext?.spanId).toBe(sent?.spanContext().spanId)
        } finally {
          instrumentation.disable()
        }
      },
    )
  })
})
