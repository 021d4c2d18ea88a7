import path from 'node:path'
import {
  DelayedError,
  RateLimitError,
  UnrecoverableError,
  WaitingChildrenError,
  WaitingError,
  type Job,
  type Queue,
} from 'bullmq'
import { describe, expect, test, vi } from 'vitest'
import { expectBetween } from '../bounds.ts'
import { histogram } from '../telemetry.ts'
import {
  everyBackend,
  failed,
  idOf,
  linksOf,
  ms,
  nothing,
  onBackends,
  parentOf,
  pause,
  valuesOf,
} from './suite.ts'

describe('what became of a job', () => {
  onBackends(everyBackend, (suite) => {
    test('bullmq-16: a failed attempt is an error with its stack; retry, last attempt and giving up are told apart', async () => {
      const { scratch, ours } = suite
      const queue = scratch.queue(ours())
      await queue.add('flaky', {}, { attempts: 2, backoff: { type: 'fixed', delay: 50 } })
      await queue.add('hopeless', {}, { attempts: 5 })
      await scratch.worker(async (job) => {
        if (job.name === 'hopeless') throw new UnrecoverableError('never')
        throw new RangeError(`attempt ${job.attemptsMade + 1} failed`)
      }, ours())
      const processes = await suite.processed(3)
      const of = (name: string) =>
        processes.filter(({ attributes }) => attributes['bullmq.job.name'] === name)
      const [first, last] = of('flaky')
      const [hopeless] = of('hopeless')
      expect(processes.every(failed)).toBe(true)
      expect(valuesOf([first!, last!, hopeless!], 'waybill.delivery.outcome')).toEqual([
        'requeue',
        'reject',
        'reject',
      ])
      expect(valuesOf([first!, last!, hopeless!], 'waybill.delivery.attempt')).toEqual([1, 2, 1])
      expect(valuesOf([first!, last!, hopeless!], 'bullmq.job.attempts.max')).toEqual([2, 2, 5])
      expect(valuesOf([first!, last!, hopeless!], 'error.type')).toEqual([
        'RangeError',
        'RangeError',
        'UnrecoverableError',
      ])
      for (const [i, attempt] of [first, last].entries()) {
        const [exception, ...more] = attempt!.events
        expect(more).toEqual([])
        expect(exception?.attributes?.['exception.message']).toBe(`attempt ${i + 1} failed`)
        expect(exception?.attributes?.['exception.stacktrace']).toContain(path.basename(import.meta.filename))
      }
    })

    test('bullmq-5: attempts are siblings; each has its number at start, and a link to the one before', async () => {
      const { scratch, ours } = suite
      await scratch.queue(ours()).add('flaky', {}, { attempts: 3, backoff: { type: 'fixed', delay: 60 } })
      await scratch.worker(async (job) => {
        if (job.attemptsMade < 2) throw new Error('not yet')
      }, ours())
      const attempts = await suite.processed(3)
      const add = idOf(suite.spans('add')[0])
      expect(attempts.map(parentOf)).toEqual([add, add, add])
      expect(valuesOf(attempts, 'waybill.delivery.attempt')).toEqual([1, 2, 3])
      expect(attempts.map(linksOf)).toEqual([[add], [add, idOf(attempts[0])], [add, idOf(attempts[1])]])
      const waits = suite.spans('transit')
      expect(waits.map(parentOf)).toEqual([add, add, add])
      expect(valuesOf(waits, 'waybill.transit.scheduled_delay')).toEqual([undefined, 0.06, 0.06])
      for (const [i, wait] of waits.slice(1).entries())
        expect(ms(wait.startTime) - ms(attempts[i]!.endTime)).toBeGreaterThanOrEqual(55)
      expect(await suite.points(), 'first deliveries').toBe(1)
    })

    const flowControl: Record<
      string,
      (job: Job, token: string | undefined, queue: Queue) => Promise<unknown>
    > = {
      DelayedError: async (job, token) => {
        await job.moveToDelayed(Date.now() + 50, token)
        return new DelayedError()
      },
      WaitingError: async (job, token) => {
        await job.moveToWait(token)
        return new WaitingError()
      },
      WaitingChildrenError: async (job, token, queue) => {
        await queue.add('child', {}, { parent: { id: job.id ?? '', queue: job.queueQualifiedName } })
        await job.moveToWaitingChildren(token ?? '')
        return new WaitingChildrenError()
      },
      RateLimitError: async (_job, _token, queue) => {
        await queue.rateLimit(50)
        return new RateLimitError()
      },
    }
    test.each(Object.keys(flowControl))(
      'bullmq-16: %s is no failure, and the next run no first delivery',
      async (name) => {
        const { scratch, ours } = suite
        const queue = scratch.queue(ours())
        await queue.add('step', { again: true })
        await scratch.worker(async (job: Job, token) => {
          if (job.name !== 'step' || !job.data.again) return
          await job.updateData({ again: false })
          throw await flowControl[name]?.(job, token, queue)
        }, ours())
        const steps = await vi.waitFor(() => {
          const found = suite
            .spans('process')
            .filter(({ attributes }) => attributes['bullmq.job.name'] === 'step')
          expect(found).toHaveLength(2)
          return found
        })
        expect(steps.map(failed)).toEqual([false, false])
        expect(steps.flatMap(({ events }) => events)).toEqual([])
        expect(valuesOf(steps, 'waybill.delivery.outcome')).toEqual(['requeue', 'ack'])
        expect(valuesOf(steps, 'waybill.delivery.attempt')).toEqual([1, 2])
        expect(steps[1]?.attributes['waybill.transit.unknown']).toBe('redelivered')
      },
    )

    test('bullmq-28: a stalled job: the second run is marked, the first ends with an outcome of its own, every span once', async () => {
      const { scratch, ours } = suite
      await scratch.queue(ours()).add('job', {})
      let runs = 0
      let release = (): void => undefined
      const held = new Promise<void>((resolve) => (release = resolve))
      const processor = async (): Promise<void> => {
        // The first run outlives its lock, which nobody renews.
        if (++runs === 1) await held
      }
      const stalling = { lockDuration: 100, skipLockRenewal: true, stalledInterval: 60, maxStalledCount: 2 }
      const first = await scratch.worker(processor, ours(), stalling)
      first.on('error', () => undefined)
      await vi.waitFor(() => expect(runs).toBe(1))
      const other = await scratch.worker(processor, ours(), stalling)
      other.on('error', () => undefined)
      await vi.waitFor(() => expect(runs).toBe(2), { timeout: 5000, interval: 10 })
      await pause(50)
      release()
      const [late, second] = await suite.processed(2)
      expect(valuesOf([late!, second!], 'waybill.delivery.attempt')).toEqual([1, 2])
      expect(valuesOf([late!, second!], 'bullmq.job.stalled.count')).toEqual([undefined, 1])
      expect(valuesOf([late!, second!], 'waybill.delivery.outcome')).toEqual(['abandoned', 'ack'])
      expect(second?.attributes['waybill.transit.unknown']).toBe('redelivered')
      expect(late?.status.message).toMatch(/Missing lock|not in the active state/)
      expect(failed(second)).toBe(false)
      expect([late, second].map(parentOf)).toEqual(Array(2).fill(idOf(suite.spans('add')[0])))
    })
  })

  onBackends(['ioredis'], (suite) => {
    test('bullmq-5: with askPreviousAttempt, a retry by another process knows its wait and its previous attempt', async () => {
      const { scratch, ours } = suite
      const backoff = { type: 'exponential', delay: 80 }
      await scratch.queue(ours()).add('job', {}, { attempts: 3, backoff })
      const processor = async (job: Job): Promise<void> => {
        if (job.attemptsMade < 2) throw new Error('not yet')
      }
      // Three telemetries know nothing of each other, as three processes.
      for (const count of [1, 2, 3]) {
        const worker = await scratch.worker(processor, ours({ askPreviousAttempt: true }))
        await suite.processed(count)
        await worker.close()
      }
      const attempts = suite.spans('process')
      expect(valuesOf(attempts, 'waybill.transit.time')).toEqual([
        expect.any(Number),
        expect.any(Number),
        expect.any(Number),
      ])
      expect(valuesOf(suite.spans('transit'), 'waybill.transit.scheduled_delay')).toEqual([
        undefined,
        0.08,
        0.16,
      ])
      expect(attempts.map((attempt) => linksOf(attempt).at(-1))).toEqual([
        idOf(suite.spans('add')[0]),
        idOf(attempts[0]),
        idOf(attempts[1]),
      ])
    })

    test('bullmq-5: with jitter or a strategy of the application another process cannot know: redelivered, with the link', async () => {
      const { scratch, ours } = suite
      await scratch
        .queue(ours())
        .add('job', {}, { attempts: 2, backoff: { type: 'fixed', delay: 40, jitter: 0.5 } })
      const processor = async (job: Job): Promise<void> => {
        if (job.attemptsMade < 1) throw new Error('not yet')
      }
      for (const count of [1, 2]) {
        const worker = await scratch.worker(processor, ours({ askPreviousAttempt: true }))
        await suite.processed(count)
        await worker.close()
      }
      const [first, second] = suite.spans('process')
      expect(second?.attributes['waybill.transit.unknown']).toBe('redelivered')
      expect(linksOf(second).at(-1)).toBe(idOf(first))
    })

    test('bullmq-23: the process span and its duration end with the handler, before BullMQ settles the job', async () => {
      const { scratch, telemetry, ours } = suite
      const queue = scratch.queue(ours())
      await queue.add('job', {})
      let [done, settling] = [0, 0]
      await scratch.worker(async (job) => {
        const settle = job.moveToCompleted.bind(job)
        job.moveToCompleted = async (...args) => {
          settling = Date.now()
          const next = await settle(...args)
          await pause(100)
          return next
        }
        await pause(20)
        done = Date.now()
      }, ours())
      const [process] = await suite.processed(1)
      expectBetween(ms(process!.endTime) / 1000, done / 1000, settling / 1000)
      const [series] = await telemetry.series('messaging.process.duration')
      expect(histogram(series).sum * 1000).toBeCloseTo(ms(process!.endTime) - ms(process!.startTime), 0)
    })

    test('bullmq-24: neither data nor return value is recorded, unless jobAttributes takes it from the job', async () => {
      const { scratch, telemetry, ours } = suite
      const queue = scratch.queue(ours())
      await queue.add('job', { secret: 'data', customer: 42 })
      const own = ours({
        jobAttributes: ({ data, returnvalue }) => ({
          'app.customer': (data as { customer: number }).customer,
          'app.total': (returnvalue as { total: number } | null)?.total ?? -1,
        }),
      })
      const worker = await scratch.worker(async () => ({ secret: 'result', total: 7 }), ours())
      await suite.processed(1)
      await worker.close()
      const written = (): string =>
        JSON.stringify(telemetry.recorder.spans.map(({ attributes, events }) => [attributes, events]))
      expect(written()).not.toContain('secret')
      await queue.add('job', { customer: 43 })
      await scratch.worker(async () => ({ secret: 'result', total: 7 }), own)
      const [, second] = await suite.processed(2)
      expect(second?.attributes).toMatchObject({ 'app.customer': 43, 'app.total': 7 })
      expect(written()).not.toContain('secret')
    })

    test('bullmq-24: jobAttributes that throws costs one warning and nothing else', async () => {
      const { scratch, telemetry, ours } = suite
      await scratch.queue(ours()).add('job', {})
      await scratch.worker(
        nothing,
        ours({
          jobAttributes: () => {
            throw new Error('mine')
          },
        }),
      )
      const [process] = await suite.processed(1)
      expect(process?.attributes['waybill.delivery.outcome']).toBe('ack')
      expect(telemetry.warnings.filter((line) => line.includes('jobAttributes'))).toHaveLength(1)
    })
  })
})
