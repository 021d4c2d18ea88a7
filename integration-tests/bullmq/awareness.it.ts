import { createRequire } from 'node:module'
import { bullmqTelemetry } from '@waybill/bullmq'
import * as bullmq from 'bullmq'
import { BullMQOtel } from 'bullmq-otel'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { bullmqPrograms, twoJobs } from './programs.ts'
import { nothing, onBackends, pause, redisUrl, valuesOf } from './suite.ts'

const programs = bullmqPrograms()
const telemetryOf = (options = ''): string =>
  `const telemetry = bullmqTelemetry({ transitSpan: { minMs: 0 }, ${options} })`
const aware = new Set(['add', 'process', 'transit'])

describe('which job a span is for', () => {
  afterAll(() => {
    programs.remove()
  })

  onBackends(['ioredis'], (suite) => {
    test('bullmq-11: import and require give the same class here', () => {
      expect(createRequire(import.meta.url)('bullmq')).toHaveProperty('Worker', bullmq.Worker)
    })

    const importing = `import { bullmqTelemetry } from '@waybill/bullmq'`
    const requiring = `const { bullmqTelemetry } = require('@waybill/bullmq')`
    test.each([
      ['import', 'a.mjs', [`import * as bullmq from 'bullmq'`, importing], 'bullmq'],
      ['require', 'b.cjs', [`const bullmq = require('bullmq')`, requiring], 'bullmq'],
      ['import, after the telemetry was made', 'c.mjs', [importing], `await import('bullmq')`],
      ['require, after the telemetry was made', 'd.cjs', [requiring], `require('bullmq')`],
      ['BullMQ 5', 'e.mjs', [`import * as bullmq from 'bullmq-5'`, importing], 'bullmq'],
    ])('bullmq-11: in a process of its own, jobs are seen with %s', async (_how, file, imports, classes) => {
      const { operations, spans } = await programs.run(
        programs.write(file, ...imports, telemetryOf(), twoJobs, `main(${classes})`),
        suite.scratch.name,
      )
      expect(operations).toEqual(aware)
      expect(spans.filter(({ name }) => name.startsWith('transit'))).toHaveLength(2)
    })

    test('bullmq-11: two versions of BullMQ in one process are both seen', async () => {
      const file = programs.write(
        'versions.mjs',
        `import * as six from 'bullmq'`,
        `import * as five from 'bullmq-5'`,
        importing,
        telemetryOf(),
        twoJobs,
        `await main(six)`,
        `await main(five)`,
      )
      const { spans } = await programs.run(file, suite.scratch.name)
      expect(spans.filter(({ name }) => name.startsWith('transit'))).toHaveLength(4)
    })

    test('bullmq-11: a class that was found only with the first job is seen from the second on', async () => {
      const file = programs.write(
        'late.mjs',
        importing,
        telemetryOf(),
        twoJobs,
        // No call of the telemetry comes before the first job.
        `await main(await import('bullmq'), { skipStalledCheck: true })`,
      )
      const { spans, operations } = await programs.run(file, suite.scratch.name)
      expect(operations).toEqual(aware)
      expect(spans.filter(({ name }) => name.startsWith('process'))).toHaveLength(2)
      expect(spans.filter(({ name }) => name.startsWith('transit')).length).toBeGreaterThanOrEqual(1)
    })

    describe('in a bundle', () => {
      const bundled = (name: string, options: string): Promise<string> =>
        programs.bundle(
          name,
          `import { Queue, Worker, FlowProducer } from 'bullmq'`,
          importing,
          telemetryOf(options),
          twoJobs,
          `main({ Queue, Worker, FlowProducer })`,
        )
      let files: Record<'with' | 'without', string>
      beforeAll(async () => {
        files = {
          with: await bundled('with', 'Worker, Queue, FlowProducer'),
          without: await bundled('without', ''),
        }
      }, 60_000)

      test('bullmq-12: with the class passed, jobs are seen', async () => {
        const { operations } = await programs.run(files.with, suite.scratch.name)
        expect(operations).toEqual(aware)
      })

      test('bullmq-12: without it, the trace is whole, one warning names the cure, and no wait is claimed', async () => {
        const { operations, spans, said } = await programs.run(files.without, suite.scratch.name)
        expect(operations).toEqual(new Set(['add', 'process']))
        const [add] = spans.filter(({ name }) => name.startsWith('add'))
        const [process] = spans.filter(({ name }) => name.startsWith('process'))
        expect(process?.parentSpanId).toBe(add?.spanId)
        expect(said.match(/pass the class: bullmqTelemetry\(\{ Worker \}\)/g)).toHaveLength(1)
      })
    })

    test('bullmq-13: a subclass that goes its own way: jobs complete, and no wait is claimed', async () => {
      const { scratch, ours } = suite
      class Apart extends bullmq.Worker {
        override async processJob(job: bullmq.Job, token: string): Promise<undefined> {
          await this.trace(
            4,
            'process',
            this.name,
            async (span) => {
              span?.setAttributes({ 'bullmq.job.id': job.id ?? '' })
              await job.moveToCompleted(undefined, token, false)
            },
            job.opts.telemetry?.metadata,
          )
          return undefined
        }
      }
      await scratch.queue(ours()).add('job', {})
      const worker = new Apart(scratch.name, nothing, { connection: { url: redisUrl }, telemetry: ours() })
      const [process] = await suite.processed(1)
      await worker.close()
      expect(process?.attributes['waybill.transit.unknown']).toBe('interface_only')
      expect(await suite.points()).toBe(0)
    })

    test('bullmq-14: at concurrency 50, beside workers of others, every span has what belongs to its job', async () => {
      const { scratch, ours } = suite
      const count = 300
      const queue = scratch.queue(ours())
      class Sub extends bullmq.Worker {
        override async processJob(
          ...args: Parameters<bullmq.Worker['processJob']>
        ): ReturnType<bullmq.Worker['processJob']> {
          await pause(0)
          return super.processJob(...args)
        }
      }
      const seen: string[] = []
      const processor = async (job: bullmq.Job): Promise<void> => {
        await pause(Math.random() * 4)
        seen.push(job.id ?? '')
      }
      await queue.addBulk(Array.from({ length: count }, (_, i) => ({ name: `job-${i}`, data: {} })))
      const peer = new BullMQOtel({ tracerName: 'peer' }) as never
      await scratch.worker(processor, ours(), { concurrency: 50 })
      await scratch.worker(processor, undefined, { concurrency: 10 })
      await scratch.worker(processor, peer, { concurrency: 10 })
      const sub = new Sub(scratch.name, processor, {
        connection: { url: redisUrl },
        telemetry: ours(),
        concurrency: 50,
      })
      await vi.waitFor(() => expect(seen).toHaveLength(count), { timeout: 7000, interval: 10 })
      await sub.close()
      await vi.waitFor(() => expect(suite.telemetry.recorder.open).toEqual([]))
      const own = suite
        .spans('process')
        .filter(({ instrumentationScope: { name } }) => name === '@waybill/bullmq')
      expect(own.length).toBeGreaterThan(10)
      for (const { attributes } of own) {
        expect(attributes['bullmq.job.name']).toBe(`job-${Number(attributes['messaging.message.id']) - 1}`)
        expect(attributes['waybill.transit.unknown']).toBeUndefined()
      }
      expect(new Set(valuesOf(own, 'messaging.message.id')).size).toBe(own.length)
    })

    test('bullmq-14: two copies of this package wrap once, and make one span for a job', async () => {
      const { scratch, ours } = suite
      const { processJob } = bullmq.Worker.prototype
      vi.resetModules()
      const copy = (await import('@waybill/bullmq')) as typeof import('@waybill/bullmq')
      expect(copy.bullmqTelemetry).not.toBe(bullmqTelemetry)
      const other = copy.bullmqTelemetry({ transitSpan: { minMs: 0 } })
      expect(bullmq.Worker.prototype.processJob).toBe(processJob)
      await scratch.queue(ours()).add('job', {})
      await scratch.worker(nothing, other)
      const [process, ...more] = await suite.processed(1)
      expect(more).toEqual([])
      expect(process?.attributes['waybill.transit.time']).toBeDefined()
      expect(suite.spans('transit')).toHaveLength(1)
    })
  })
})
