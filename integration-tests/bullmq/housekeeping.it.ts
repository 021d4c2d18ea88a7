import { context, propagation, ROOT_CONTEXT, SpanKind, trace } from '@opentelemetry/api'
import { IORedisInstrumentation } from '@opentelemetry/instrumentation-ioredis'
import { Redis } from 'ioredis'
import { describe, expect, test, vi } from 'vitest'
import { idOf, nothing, onBackends, parentOf, pause, traceOf } from './suite.ts'

interface Definition {
  patch(module: object): void
  unpatch(module: object): void
}

describe("BullMQ's own housekeeping", () => {
  onBackends(['ioredis', 'postgres'], (suite) => {
    test('bullmq-18: by default it leaves no span; asked for, each is a root of its own that links what was active', async () => {
      const { scratch, telemetry, ours } = suite
      const startup = trace.getTracer('test').startSpan('startup')
      const active = propagation.setBaggage(
        trace.setSpan(ROOT_CONTEXT, startup),
        propagation.createBaggage({ tenant: { value: 'BOOT' } }),
      )
      startup.end()
      const run = async (housekeeping: boolean): Promise<void> => {
        const own = ours({ housekeeping })
        await context.with(active, async () => {
          const queue = scratch.queue(own)
          await queue.add('job', {})
          const worker = await scratch.worker(nothing, own, { stalledInterval: 30 })
          await pause(120)
          await queue.pause()
          await queue.resume()
          await worker.close()
        })
        await vi.waitFor(() => expect(telemetry.recorder.open).toEqual([]))
      }
      await run(false)
      const operations = () => new Set(telemetry.recorder.spans.map(({ name }) => name.split(' ')[0]))
      expect(operations()).toEqual(new Set(['startup', 'add', 'process', 'transit']))
      telemetry.recorder.reset()
      await run(true)
      expect(operations()).toEqual(
        new Set([
          'add',
          'process',
          'transit',
          'startStalledCheckTimer',
          'moveStalledJobsToWait',
          'pause',
          'resume',
          'close',
        ]),
      )
      const kept = telemetry.recorder.spans.filter(
        ({ kind, name }) => kind === SpanKind.INTERNAL && !name.startsWith('transit'),
      )
      for (const span of kept) {
        expect(parentOf(span)).toBeUndefined()
        expect(traceOf(span)).not.toBe(startup.spanContext().traceId)
        expect(span.attributes['messaging.destination.name']).toBe(scratch.name)
      }
    })
  })

  onBackends(['ioredis'], (suite) => {
    test.each([
      [true, 'are those of handlers alone'],
      [false, 'are all of them by default'],
    ])('bullmq-18: with suppressRedis %s, Redis spans %s', async (suppressRedis) => {
      const { scratch, telemetry, ours } = suite
      const instrumentation = new IORedisInstrumentation({ requireParentSpan: false })
      const [definition] = (instrumentation as unknown as { init(): Definition[] }).init()
      // It patches the prototype, so clients that are there already are traced as well.
      definition?.patch(Redis)
      try {
        const own = ours({ suppressRedis })
        const queue = scratch.queue(own)
        await queue.waitUntilReady()
        const handler = async (): Promise<void> => void (await scratch.redis.get('a key of its own'))
        await scratch.worker(handler, own)
        // Setting up a connection is no housekeeping: that is over after this.
        await queue.add('job', {})
        await vi.waitFor(() => expect(suite.spans('process')).toHaveLength(1))
        telemetry.recorder.reset()
        await queue.add('job', {})
        // A worker that asks for the next job has a span open for as long as that takes.
        await vi.waitFor(() => expect(suite.spans('process')).toHaveLength(1))
      } finally {
        // Before the clients quit, whose spans would never end.
        definition?.unpatch(Redis)
        instrumentation.disable()
      }
      const commands = telemetry.recorder.spans.filter(({ instrumentationScope: { name } }) =>
        name.includes('ioredis'),
      )
      const inHandler = commands.find(({ name }) => name === 'get')
      expect(parentOf(inHandler)).toBe(idOf(suite.spans('process')[0]))
      if (suppressRedis) expect(commands.map(({ name }) => name)).toEqual(['get'])
      else expect(commands.length).toBeGreaterThan(5)
      await scratch.close()
      telemetry.recorder.reset()
    })
  })
})
