import { observeQueue } from '@waybill/bullmq'
import { describe, expect, test, vi } from 'vitest'
import { histogram, type Series } from '../telemetry.ts'
import { trueStarts } from './oracle.ts'
import {
  everyBackend,
  idOf,
  linksOf,
  nothing,
  onBackends,
  parentOf,
  pause,
  redisUrl,
  valuesOf,
} from './suite.ts'

const byOutcome = (series: readonly Series[]): Record<string, unknown> =>
  Object.fromEntries(
    series.map(({ attributes, value }) => [String(attributes['waybill.delivery.outcome']), value]),
  )

describe('names and numbers', () => {
  onBackends(everyBackend, (suite) => {
    test('bullmq-22: both sides have the names of the conventions, the same message id, client and server', async () => {
      const { scratch, ours } = suite
      const job = await scratch.queue(ours()).add('invoice', {})
      const worker = await scratch.worker(nothing, ours())
      const [process] = await suite.processed(1)
      const [add] = suite.spans('add')
      const both = {
        'messaging.system.name': 'bullmq',
        'messaging.system': 'bullmq',
        'messaging.destination.name': scratch.name,
        'messaging.message.id': job.id,
        'bullmq.job.name': 'invoice',
        'server.address': suite.backend.name === 'postgres' ? '127.0.0.1' : new URL(redisUrl).hostname,
        'server.port': expect.any(Number),
      }
      expect(add?.attributes).toMatchObject({
        ...both,
        'messaging.operation.name': 'add',
        'messaging.operation.type': 'send',
      })
      expect(process?.attributes).toMatchObject({
        ...both,
        'messaging.operation.name': 'process',
        'messaging.operation.type': 'process',
        'messaging.client.id': worker.id,
        'bullmq.job.attempts.made': 1,
        'bullmq.job.attempts.max': 1,
      })
      expect(process?.attributes).not.toHaveProperty('bullmq.queue.operation')
    })

    test('bullmq-23: sent, consumed by outcome, durations, transit and journey; no job id or name; also unsampled', async () => {
      const { scratch, ours } = suite
      await suite.reinstall({ sampled: false })
      const { telemetry } = suite
      const queue = scratch.queue(ours())
      await queue.add('good', {})
      await queue.add('flaky', {}, { attempts: 2 })
      const worker = await scratch.worker(async (job) => {
        await pause(10)
        if (job.name === 'flaky') throw new RangeError('no')
      }, ours())
      const consumed = await vi.waitFor(
        async () => {
          const series = await telemetry.series('messaging.client.consumed.messages')
          expect(byOutcome(series)).toEqual({ ack: 1, requeue: 1, reject: 1 })
          return series
        },
        { timeout: 5000 },
      )
      await worker.close()
      expect(consumed.map(({ attributes }) => attributes['error.type'])).toContain('RangeError')
      const [sent] = await telemetry.series('messaging.client.sent.messages')
      expect(sent).toMatchObject({ value: 2, unit: '{message}' })
      const durations = await telemetry.series('messaging.process.duration')
      expect(durations.reduce((sum, one) => sum + histogram(one).count, 0)).toBe(3)
      expect(
        durations.every((one) => one.unit === 's' && histogram(one).min >= 0.009 && histogram(one).max < 1),
      ).toBe(true)
      expect(await suite.points()).toBe(2)
      expect(histogram((await telemetry.series('waybill.journey.duration'))[0]).count).toBe(2)
      const all = await Promise.all(
        [
          'messaging.client.sent.messages',
          'messaging.client.consumed.messages',
          'messaging.client.operation.duration',
          'messaging.process.duration',
          'waybill.transit.duration',
          'waybill.journey.duration',
        ].map((name) => telemetry.series(name)),
      )
      const names = new Set(all.flat().flatMap(({ attributes }) => Object.keys(attributes)))
      expect(names).toEqual(
        new Set([
          'messaging.system.name',
          'messaging.operation.name',
          'messaging.destination.name',
          'waybill.delivery.outcome',
          'error.type',
        ]),
      )
      expect(telemetry.recorder.spans).toEqual([])
    })

    test('bullmq-21: with bulkSpans each job of an addBulk has a create span of its own, which the call links', async () => {
      const { scratch, telemetry, ours } = suite
      const jobs = Object.freeze([
        Object.freeze({ name: 'one', data: {}, opts: Object.freeze({ jobId: 'first' }) }),
        Object.freeze({ name: 'two', data: {} }),
      ])
      const own = ours({ bulkSpans: true })
      await scratch.queue(own).addBulk(jobs as never)
      await scratch.worker(nothing, own)
      const processes = await suite.processed(2)
      const creates = suite.spans('create')
      expect(valuesOf(creates, 'bullmq.job.name')).toEqual(['one', 'two'])
      expect(valuesOf(creates, 'messaging.message.id')).toEqual(['first', undefined])
      const [bulk] = suite.spans('addBulk')
      expect(linksOf(bulk).toSorted((a, b) => a.localeCompare(b))).toEqual(
        creates.map((span) => idOf(span) ?? '').toSorted((a, b) => a.localeCompare(b)),
      )
      expect(bulk?.attributes['messaging.batch.message_count']).toBe(2)
      for (const process of processes) {
        const create = creates.find(
          ({ attributes }) => attributes['bullmq.job.name'] === process.attributes['bullmq.job.name'],
        )
        expect(parentOf(process)).toBe(idOf(create))
        expect(process.attributes['waybill.transit.time']).toBeDefined()
      }
      const [sent] = await telemetry.series('messaging.client.sent.messages')
      expect(sent?.value).toBe(2)
    })
  })

  onBackends(['ioredis'], (suite) => {
    test("bullmq-22: BullMQ's own names come on request, without results and lists", async () => {
      const { scratch, ours } = suite
      const own = ours({ bullmqAttributes: true, compat: false })
      await scratch.queue(own).addBulk([{ name: 'invoice', data: {} }])
      const worker = await scratch.worker(async () => ({ secret: 'result' }), own)
      const [process] = await suite.processed(1)
      await worker.close()
      expect(process?.attributes).toMatchObject({
        'bullmq.worker.id': worker.id,
        'bullmq.job.id': '1',
        'bullmq.job.processed.timestamp': expect.any(Number),
      })
      expect(process?.attributes).not.toHaveProperty('messaging.system')
      const [bulk] = suite.spans('addBulk')
      expect(bulk?.attributes).toMatchObject({
        'bullmq.queue.operation': 'addBulk',
        'bullmq.job.bulk.count': 1,
      })
      expect(JSON.stringify([bulk?.attributes, process?.attributes])).not.toMatch(/secret|bulk\.names/)
    })

    test('bullmq-23: the depth of a queue by state, asked for when metrics are collected', async () => {
      const { scratch, telemetry } = suite
      const queue = scratch.queue()
      const observer = observeQueue(await scratch.queueEvents(), { queue })
      await queue.add('a', {})
      await queue.add('b', {}, { priority: 3 })
      await queue.add('c', {}, { delay: 60_000 })
      const depth = async (): Promise<Record<string, unknown>> =>
        Object.fromEntries(
          (await telemetry.series('waybill.queue.depth')).map(({ attributes, value }) => [
            attributes['waybill.queue.state'],
            value,
          ]),
        )
      expect(await depth()).toMatchObject({ waiting: 1, prioritized: 1, delayed: 1, active: 0, failed: 0 })
      await vi.waitFor(() => expect(observer.jobs).toBe(3))
      observer.stop()
    })

    test('bullmq-30: what is no QueueEvents is refused', () => {
      expect(() => observeQueue({} as never)).toThrow(/observeQueue\(\) expected BullMQ's QueueEvents/)
      const events = { name: 'q', on: () => undefined, off: () => undefined }
      expect(() => observeQueue(events, { queue: {} as never })).toThrow(/option queue/)
      expect(() => observeQueue(events, { maxJobs: 0 })).toThrow(/option maxJobs/)
      expect(redisUrl).toBeTruthy()
    })

    test('bullmq-30: of 500 jobs at once the histogram has each wait that the event stream has', async () => {
      const { scratch, telemetry, ours } = suite
      const queue = scratch.queue(ours())
      const observer = observeQueue(await scratch.queueEvents())
      await queue.addBulk(
        Array.from({ length: 500 }, (_, i) => ({
          name: 'job',
          data: {},
          opts: { delay: i % 5 === 0 ? 50 : 0 },
        })),
      )
      await scratch.worker(nothing, ours(), { concurrency: 20 })
      await suite.processed(500)
      const starts = trueStarts(await suite.backend.events(scratch.name))
      const truth = starts.map(({ active, ready = Number.NaN }) => (active - ready) / 1000)
      await vi.waitFor(
        async () => {
          const series = await telemetry.series('waybill.queue.wait')
          expect(series.reduce((sum, one) => sum + histogram(one).count, 0)).toBe(500)
          const sum = series.reduce((total, one) => total + histogram(one).sum, 0)
          expect(sum).toBeCloseTo(
            truth.reduce((a, b) => a + b, 0),
            6,
          )
          expect(new Set(series.map(({ attributes }) => attributes['waybill.queue.ready_by']))).toEqual(
            new Set(['added', 'delayed']),
          )
        },
        { timeout: 5000 },
      )
      expect(observer.jobs).toBe(0)
      observer.stop()
    })
  })

  onBackends(['postgres'], (suite) => {
    test("bullmq-30: PostgreSQL's events carry no time: one warning, depth, and no wait", async () => {
      const { scratch, telemetry } = suite
      const queue = scratch.queue()
      const events = await scratch.queueEvents()
      const observer = observeQueue(events, { queue })
      await queue.add('a', {})
      await vi.waitFor(
        () => expect(telemetry.warnings.filter((line) => line.includes('carry no time'))).toHaveLength(1),
        { timeout: 5000 },
      )
      expect(await telemetry.series('waybill.queue.wait')).toEqual([])
      expect(await telemetry.series('waybill.queue.depth')).not.toEqual([])
      observer.stop()
    })
  })
})
