import { FlowProducer, Queue, Worker, type Job, type Processor } from 'bullmq-5'
import { describe, expect, test } from 'vitest'
import { failed, idOf, linksOf, nothing, onBackends, parentOf, redisUrl, traceOf, valuesOf } from './suite.ts'

describe('the last BullMQ 5', () => {
  onBackends(['ioredis'], (suite) => {
    const connection = { url: redisUrl }
    /** Runs `produce` on a queue of BullMQ 5 and its jobs on a worker of it, until so many attempts have ended. */
    async function run(produce: (queue: Queue) => Promise<unknown>, processor: Processor, count: number) {
      const options = { connection, telemetry: suite.ours() as never }
      const queue = new Queue(suite.scratch.name, options)
      await produce(queue)
      const worker = new Worker(suite.scratch.name, processor, options)
      try {
        return await suite.processed(count)
      } finally {
        await worker.close()
        await queue.close()
      }
    }

    test('bullmq-11: add, delay, bulk: one trace each, with the wait', async () => {
      const processes = await run(
        async (queue) => {
          await queue.add('plain', {})
          await queue.add('later', {}, { delay: 60 })
          await queue.addBulk([{ name: 'one of many', data: {} }])
        },
        nothing as never,
        3,
      )
      const times = valuesOf(processes, 'waybill.transit.time') as number[]
      expect(times.every((time) => time >= 0 && time < 2)).toBe(true)
      expect(valuesOf(suite.spans('transit'), 'waybill.transit.scheduled_delay')).toContain(0.06)
      expect(new Set(processes.map(parentOf))).toEqual(
        new Set([...suite.spans('add'), ...suite.spans('addBulk')].map(idOf)),
      )
      expect(valuesOf(processes, 'waybill.delivery.outcome')).toEqual(['ack', 'ack', 'ack'])
    })

    test('bullmq-16: failures have their error, outcome, and a known wait before the retry', async () => {
      const [first, second, last] = await run(
        (queue) => queue.add('flaky', {}, { attempts: 3, backoff: { type: 'fixed', delay: 40 } }),
        async (job: Job) => {
          throw new RangeError(`attempt ${job.attemptsMade + 1}`)
        },
        3,
      )
      expect([first, second, last].map(failed)).toEqual([true, true, true])
      expect(valuesOf([first!, second!, last!], 'waybill.delivery.outcome')).toEqual([
        'requeue',
        'requeue',
        'reject',
      ])
      expect(valuesOf([first!, last!], 'error.type')).toEqual(['RangeError', 'RangeError'])
      expect(valuesOf(suite.spans('transit'), 'waybill.transit.scheduled_delay')).toEqual([
        undefined,
        0.04,
        0.04,
      ])
      expect(linksOf(second).at(-1)).toBe(idOf(first))
    })

    test('bullmq-8: a flow without opts is one trace', async () => {
      const flows = new FlowProducer({ connection, telemetry: suite.ours() as never })
      const queueName = suite.scratch.name
      const processes = await run(
        () => flows.add({ name: 'parent', queueName, children: [{ name: 'leaf', queueName }] }),
        nothing as never,
        2,
      )
      await flows.close()
      expect(new Set(processes.map(traceOf))).toEqual(new Set([traceOf(suite.spans('addFlow')[0])]))
      expect(valuesOf(processes, 'waybill.transit.unknown')).toEqual([undefined, 'flow_parent'])
    })

    test('bullmq-10: iterations of a scheduler are traces of their own', async () => {
      const ticks = await run(
        (queue) => queue.upsertJobScheduler('tick', { every: 100, limit: 3 }, { name: 'tick' }),
        nothing as never,
        3,
      )
      expect(ticks.map(parentOf)).toEqual([undefined, undefined, undefined])
      expect(new Set(ticks.flatMap(linksOf))).toEqual(new Set([idOf(suite.spans('add')[0])]))
      expect(suite.spans('add')).toHaveLength(1)
      for (const time of valuesOf(ticks, 'waybill.transit.time') as number[]) expect(time).toBeLessThan(0.5)
    })
  })
})
