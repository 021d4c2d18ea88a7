import { context, propagation, ROOT_CONTEXT } from '@opentelemetry/api'
import fc from 'fast-check'
import { BullMQOtel } from 'bullmq-otel'
import { describe, expect, test, vi } from 'vitest'
import { watchUnrecorded } from '../unrecorded.ts'
import { everyBackend, idOf, nothing, onBackends, parentOf, valuesOf } from './suite.ts'

const TRACE = '0af7651916cd43dd8448eb211c80319c'
const TRACEPARENT = `00-${TRACE}-b7ad6b7169203331-01`

/** What other vendors and plain accidents leave in `opts.telemetry.metadata`. */
const foreign: Record<string, unknown> = {
  "Sentry's string": `${TRACE}-b7ad6b7169203331-1`,
  "dd-trace's object": JSON.stringify({ _datadog: { traceparent: TRACEPARENT, 'x-datadog-trace-id': '1' } }),
  'JSON null': 'null',
  'a JSON number': '42',
  'a JSON string': '"x"',
  'a JSON list': '[]',
  'an empty object': '{}',
  'a broken object': '{"traceparent":',
  '1 MB': 'x'.repeat(1_000_000),
  '1 MB of JSON': JSON.stringify({ traceparent: 'x'.repeat(1_000_000) }),
  'a number': 7,
  'an object': { traceparent: TRACEPARENT },
  'nested rubbish': JSON.stringify({ traceparent: { a: [1] }, waybill: ['sent=1'], __proto__: 1 }),
  'a huge sent': JSON.stringify({ traceparent: TRACEPARENT, waybill: 'sent=99999999999999;origin=-1' }),
  "bullmq-otel's": JSON.stringify({ traceparent: TRACEPARENT, baggage: 'tenant=a' }),
  // What BullMQ's Elixir client writes: opentelemetry.ex, a JSON object of text fields.
  "Elixir's": JSON.stringify({ traceparent: TRACEPARENT, tracestate: 'a=b' }),
}

describe('what others have left in a job', () => {
  onBackends(everyBackend, (suite) => {
    test.each([1, 5])(
      'bullmq-19: foreign metadata at concurrency %i: all jobs run, the worker goes on, and closes',
      async (concurrency) => {
        const { scratch, ours } = suite
        const bare = scratch.queue()
        const names = Object.keys(foreign)
        for (const name of names) {
          const telemetry = { metadata: foreign[name] as string, omitContext: name.startsWith('dd-trace') }
          await bare.add(name, {}, { telemetry })
        }
        const done: string[] = []
        const worker = await scratch.worker(async (job) => void done.push(job.name), ours(), { concurrency })
        const processes = await suite.processed(names.length)
        await worker.close()
        expect(done.toSorted()).toEqual(names.toSorted())
        const parents = Object.fromEntries(
          processes.map((process) => [
            process.attributes['bullmq.job.name'],
            process.parentSpanContext?.traceId ?? process.attributes['waybill.root.reason'],
          ]),
        )
        expect(parents).toMatchObject({
          "Sentry's string": TRACE,
          "dd-trace's object": TRACE,
          'JSON null': 'malformed',
          'an empty object': 'no_carrier',
          'an object': TRACE,
          "bullmq-otel's": TRACE,
          "Elixir's": TRACE,
        })
        expect(new Set(valuesOf(processes, 'waybill.transit.unknown'))).toEqual(new Set(['no_timestamp']))
      },
    )

    test('bullmq-1: with bullmq-otel as producer, its trace and baggage are continued, and no wait is claimed', async () => {
      const { scratch, ours } = suite
      const queue = scratch.queue(new BullMQOtel({ tracerName: 'peer' }) as never)
      let tenant: string | undefined
      await scratch.worker(async () => {
        tenant = propagation.getActiveBaggage()?.getEntry('tenant')?.value
      }, ours())
      const baggage = propagation.createBaggage({ tenant: { value: 'acme' } })
      await context.with(propagation.setBaggage(ROOT_CONTEXT, baggage), () => queue.add('job', {}))
      const [process] = await suite.processed(1)
      expect(parentOf(process)).toBe(idOf(suite.spans('add')[0]))
      expect(process?.attributes['waybill.transit.unknown']).toBe('no_timestamp')
      expect(tenant).toBe('acme')
    })

    test('bullmq-1: with bullmq-otel as consumer, it continues our trace and baggage', async () => {
      const { scratch, telemetry, ours } = suite
      const queue = scratch.queue(ours())
      let tenant: string | undefined
      const worker = await scratch.worker(
        async () => {
          tenant = propagation.getActiveBaggage()?.getEntry('tenant')?.value
        },
        new BullMQOtel({ tracerName: 'peer' }) as never,
      )
      const baggage = propagation.createBaggage({ tenant: { value: 'acme' } })
      await context.with(propagation.setBaggage(ROOT_CONTEXT, baggage), () => queue.add('job', {}))
      await vi.waitFor(() => expect(suite.spans('process')).toHaveLength(1), { timeout: 5000, interval: 5 })
      await worker.close()
      await vi.waitFor(() => expect(telemetry.recorder.open).toEqual([]))
      expect(parentOf(suite.spans('process')[0])).toBe(idOf(suite.spans('add')[0]))
      expect(tenant).toBe('acme')
    })
  })

  onBackends(['ioredis'], (suite) => {
    test('bullmq-19: 200 pieces of made-up metadata: every job runs', async () => {
      const { scratch, ours } = suite
      const texts = fc.sample(
        fc.oneof(
          fc.string({ unit: 'binary' }),
          fc.json(),
          fc
            .record({
              traceparent: fc.oneof(fc.constant(TRACEPARENT), fc.string(), fc.jsonValue()),
              tracestate: fc.jsonValue(),
              baggage: fc.oneof(fc.string(), fc.jsonValue()),
              waybill: fc.oneof(
                fc.string(),
                fc.integer().map((n) => `sent=${n};op=add`),
              ),
            })
            .map((fields) => JSON.stringify(fields)),
        ),
        { numRuns: 200, seed: 20_261_125 },
      )
      await scratch
        .queue()
        .addBulk(texts.map((metadata) => ({ name: 'job', data: {}, opts: { telemetry: { metadata } } })))
      const worker = await scratch.worker(nothing, ours(), { concurrency: 5 })
      const processes = await suite.processed(200)
      await worker.close()
      expect(new Set(valuesOf(processes, 'waybill.delivery.outcome'))).toEqual(new Set(['ack']))
    })

    test('bullmq-19: a propagator, hooks and a clock that throw stop no job', async () => {
      const { scratch, telemetry, ours } = suite
      const fail = (): never => {
        throw new Error('mine')
      }
      const own = ours({ trust: fail, relation: fail, now: fail, trustTimestamp: fail, jobAttributes: fail })
      await scratch.queue(own).add('job', {}, { attempts: 2 })
      let runs = 0
      await scratch.worker(async () => {
        if (++runs === 1) throw new Error('not yet')
      }, own)
      await suite.processed(2)
      expect(runs).toBe(2)
      expect(telemetry.warnings.length).toBeGreaterThan(0)
    })

    test('bullmq-25: sampled out, two spans of a job are shown to the sampler, and nothing else is said or asked', async () => {
      const { scratch, ours } = suite
      await suite.reinstall({ sampled: false })
      const unrecorded = watchUnrecorded()
      const jobAttributes = vi.fn(() => ({}))
      const own = ours({ jobAttributes })
      const queue = scratch.queue(own)
      const job = await queue.add('job', {})
      await queue.add('failing', {})
      const worker = await scratch.worker(async ({ name }) => {
        if (name === 'failing') throw new Error('no')
      }, own)
      await vi.waitFor(
        async () => expect(await queue.getJobCounts()).toMatchObject({ completed: 1, failed: 1 }),
        {
          timeout: 5000,
        },
      )
      await worker.close()
      const { name } = scratch
      expect(unrecorded.started.toSorted()).toEqual([
        `add ${name}`,
        `add ${name}`,
        `process ${name}`,
        `process ${name}`,
      ])
      expect(unrecorded.ended).toBe(4)
      expect(unrecorded.said).toEqual([])
      expect(jobAttributes).not.toHaveBeenCalled()
      // The decision goes with the job, and the wait is measured all the same.
      expect(JSON.parse(job.opts.telemetry?.metadata ?? '')).toHaveProperty(
        'traceparent',
        expect.stringMatching(/-00$/),
      )
      expect(await suite.points()).toBe(2)
    })

    test('bullmq-25: without an SDK nothing is stored in a job, and a flow keeps its nodes as they are', async () => {
      const { scratch, ours } = suite
      await suite.without(async () => {
        const job = await scratch.queue(ours()).add('job', {})
        const flow = await scratch.flows(ours()).add({ name: 'flow', queueName: scratch.name })
        for (const id of [job.id, flow.job.id]) {
          const opts = await scratch.redis.hget(`bull:${scratch.name}:${id}`, 'opts')
          expect(JSON.parse(opts ?? '')).toEqual({ attempts: 0 })
        }
        await scratch.worker(nothing, ours())
        await vi.waitFor(async () => expect(await scratch.queue().getCompletedCount()).toBe(2), {
          timeout: 5000,
        })
      })
    })
  })
})
