import type { BullmqTelemetry } from '@waybill/bullmq'
import {
  DelayedError,
  RateLimitError,
  WaitingChildrenError,
  WaitingError,
  type FlowProducer,
  type Job,
  type Processor,
  type Queue,
  type WorkerOptions,
} from 'bullmq'
import type { BullmqScratch } from './scratch.ts'

/** What one start of a job must say of its wait: a time that the oracle agrees with, or why there is none. */
export type Expected =
  | 'known'
  | 'redelivered'
  | 'rescheduled'
  | 'flow_parent'
  | 'no_timestamp'
  /** A number that the job alone cannot show to be wrong: a documented limit. */
  | 'limit'

/** One row of the table, or several: a way in which a job comes to wait, and each start of it. */
export interface TransitCase {
  readonly title: string
  /** The behaviours that this row is about. */
  readonly shows: readonly `bullmq-${number}`[]
  readonly expected: readonly Expected[]
  /** Where PostgreSQL keeps less of a job's past: there it forgets all of it when a finished job is to run again. */
  readonly expectedOnPostgres?: readonly Expected[]
  /** Makes jobs, and a worker, in either order; returns when no more starts are to come. */
  run(scene: Scene): Promise<unknown>
}

/** What a case gets: clients on a queue of its own. */
export interface Scene {
  readonly scratch: BullmqScratch
  readonly telemetry: BullmqTelemetry
  /** A queue whose connection is there: what a first add waits for it is no matter of the broker. */
  queueOf(telemetry?: BullmqTelemetry): Promise<Queue>
  flowsOf(telemetry: BullmqTelemetry): Promise<FlowProducer>
  /** A worker of our telemetry; of the same one as the producer unless another is given. */
  worker(
    processor?: Processor,
    options?: Partial<WorkerOptions>,
    telemetry?: BullmqTelemetry,
  ): Promise<unknown>
  /** Settles once so many process spans of this queue have ended. */
  ended(count: number): Promise<unknown>
  /** Telemetry of what might be another process. */
  other(options?: object): BullmqTelemetry
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))
const failing =
  (times: number): Processor =>
  async (job) => {
    if (job.attemptsMade >= times) return
    const error = new Error('not yet')
    // Its stack is made on first use, which takes a test run with source maps longer than all the rest.
    throw error.stack === undefined ? new Error('no stack') : error
  }
const stepping =
  (step: (job: Job, token: string, scene: Scene) => Promise<Error>, scene: Scene): Processor =>
  async (job, token = '') => {
    if (job.name !== 'step' || job.data.done) return
    await job.updateData({ done: true })
    throw await step(job, token, scene)
  }
const step = (
  title: string,
  by: (job: Job, token: string, scene: Scene) => Promise<Error>,
  expected: readonly Expected[] = ['known', 'redelivered'],
): TransitCase => ({
  title,
  shows: ['bullmq-6'],
  expected,
  async run(scene) {
    await (await scene.queueOf(scene.telemetry)).add('step', {})
    await scene.worker(stepping(by, scene))
    await scene.ended(expected.length)
  },
})

export const transitCases: readonly TransitCase[] = [
  {
    title: 'plain, the worker busy elsewhere for 150 ms',
    shows: ['bullmq-2'],
    expected: ['known'],
    async run({ telemetry, queueOf, worker, ended }) {
      await (await queueOf(telemetry)).add('job', {})
      await pause(150)
      await worker()
      await ended(1)
    },
  },
  {
    title: 'prioritised',
    shows: ['bullmq-2'],
    expected: ['known', 'known'],
    async run({ telemetry, queueOf, worker, ended }) {
      const queue = await queueOf(telemetry)
      await queue.add('later', {}, { priority: 10 })
      await queue.add('sooner', {}, { priority: 1 })
      await worker(async () => pause(80))
      await ended(2)
    },
  },
  {
    title: 'lifo',
    shows: ['bullmq-2'],
    expected: ['known', 'known'],
    async run({ telemetry, queueOf, worker, ended }) {
      const queue = await queueOf(telemetry)
      await queue.add('first', {}, { lifo: true })
      await queue.add('second', {}, { lifo: true })
      await worker(async () => pause(80))
      await ended(2)
    },
  },
  {
    title: 'addBulk, one by one at concurrency 1',
    shows: ['bullmq-2', 'bullmq-21'],
    expected: ['known', 'known', 'known'],
    async run({ telemetry, queueOf, worker, ended }) {
      await (await queueOf(telemetry)).addBulk([1, 2, 3].map((n) => ({ name: 'job', data: { n } })))
      await worker(async () => pause(60))
      await ended(3)
    },
  },
  {
    title: 'queue paused for 200 ms',
    shows: ['bullmq-2'],
    expected: ['known'],
    async run({ telemetry, queueOf, worker, ended }) {
      const queue = await queueOf(telemetry)
      await queue.pause()
      await worker()
      await queue.add('job', {})
      await pause(200)
      await queue.resume()
      await ended(1)
    },
  },
  {
    title: 'worker limiter, 1 per 150 ms',
    shows: ['bullmq-2'],
    expected: ['known', 'known', 'known'],
    async run({ telemetry, queueOf, worker, ended }) {
      await (await queueOf(telemetry)).addBulk([1, 2, 3].map((n) => ({ name: 'job', data: { n } })))
      await worker(undefined, { limiter: { max: 1, duration: 150 } })
      await ended(3)
    },
  },
  {
    title: 'global concurrency 1',
    shows: ['bullmq-2'],
    expected: ['known', 'known'],
    async run({ telemetry, queueOf, worker, ended }) {
      const queue = await queueOf(telemetry)
      await queue.setGlobalConcurrency(1)
      await queue.addBulk([1, 2].map((n) => ({ name: 'job', data: { n } })))
      await worker(async () => pause(100), { concurrency: 5 })
      await ended(2)
    },
  },
  {
    title: 'delayed by 300 ms',
    shows: ['bullmq-3'],
    expected: ['known'],
    async run({ telemetry, queueOf, worker, ended }) {
      await worker()
      await (await queueOf(telemetry)).add('job', {}, { delay: 300 })
      await ended(1)
    },
  },
  {
    title: 'delayed by 100 ms, fetched 200 ms after that',
    shows: ['bullmq-3'],
    expected: ['known'],
    async run({ telemetry, queueOf, worker, ended }) {
      await (await queueOf(telemetry)).add('job', {}, { delay: 100 })
      await pause(300)
      await worker()
      await ended(1)
    },
  },
  {
    title: 'delayed by 5 s, promoted at once',
    shows: ['bullmq-3'],
    expected: ['rescheduled'],
    async run({ telemetry, queueOf, worker, ended }) {
      const job = await (await queueOf(telemetry)).add('job', {}, { delay: 5000 })
      await job.promote()
      await worker()
      await ended(1)
    },
  },
  {
    title: 'delayed by 5 s, changed to 100 ms',
    shows: ['bullmq-3'],
    expected: ['rescheduled'],
    async run({ telemetry, queueOf, worker, ended }) {
      const job = await (await queueOf(telemetry)).add('job', {}, { delay: 5000 })
      await job.changeDelay(100)
      await worker()
      await ended(1)
    },
  },
  {
    title: 'delayed by 100 ms, changed to 400 ms',
    shows: ['bullmq-3'],
    expected: ['limit'],
    async run({ telemetry, queueOf, worker, ended }) {
      const job = await (await queueOf(telemetry)).add('job', {}, { delay: 100 })
      await job.changeDelay(400)
      await worker()
      await ended(1)
    },
  },
  {
    title: 'timestamp of the application, 60 s ago',
    shows: ['bullmq-7'],
    expected: ['known'],
    async run({ telemetry, queueOf, worker, ended }) {
      await (await queueOf(telemetry)).add('job', {}, { timestamp: Date.now() - 60_000 })
      await pause(50)
      await worker()
      await ended(1)
    },
  },
  {
    title: 'timestamp of the application, in 60 s',
    shows: ['bullmq-7'],
    expected: ['known'],
    async run({ telemetry, queueOf, worker, ended }) {
      await (await queueOf(telemetry)).add('job', {}, { timestamp: Date.now() + 60_000 })
      await pause(50)
      await worker()
      await ended(1)
    },
  },
  {
    title: 'timestamp 60 s ago and a delay of 1 s: due long since',
    shows: ['bullmq-7'],
    expected: ['known'],
    async run({ telemetry, queueOf, worker, ended }) {
      await (await queueOf(telemetry)).add('job', {}, { timestamp: Date.now() - 60_000, delay: 1000 })
      await pause(50)
      await worker()
      await ended(1)
    },
  },
  {
    title: 'retry with a fixed backoff of 150 ms',
    shows: ['bullmq-5'],
    expected: ['known', 'known', 'known'],
    async run({ telemetry, queueOf, worker, ended }) {
      await (await queueOf(telemetry)).add('job', {}, { attempts: 3, backoff: 150 })
      await worker(failing(2))
      await ended(3)
    },
  },
  {
    title: 'retry with an exponential backoff of 60 ms',
    shows: ['bullmq-5'],
    expected: ['known', 'known', 'known'],
    async run({ telemetry, queueOf, worker, ended }) {
      const backoff = { type: 'exponential', delay: 60 }
      await (await queueOf(telemetry)).add('job', {}, { attempts: 3, backoff })
      await worker(failing(2))
      await ended(3)
    },
  },
  {
    title: 'retry with a backoff that has jitter',
    shows: ['bullmq-5'],
    expected: ['known', 'known'],
    async run({ telemetry, queueOf, worker, ended }) {
      const backoff = { type: 'fixed', delay: 200, jitter: 0.5 }
      await (await queueOf(telemetry)).add('job', {}, { attempts: 2, backoff })
      await worker(failing(1))
      await ended(2)
    },
  },
  {
    title: 'retry with a backoff of the application',
    shows: ['bullmq-5'],
    expected: ['known', 'known'],
    async run({ telemetry, queueOf, worker, ended }) {
      await (await queueOf(telemetry)).add('job', {}, { attempts: 2, backoff: { type: 'own' } })
      await worker(failing(1), { settings: { backoffStrategy: () => 120 } })
      await ended(2)
    },
  },
  {
    title: 'retry at once',
    shows: ['bullmq-5'],
    expected: ['known', 'known'],
    async run({ telemetry, queueOf, worker, ended }) {
      await (await queueOf(telemetry)).add('job', {}, { attempts: 2 })
      await worker(failing(1))
      await ended(2)
    },
  },
  {
    title: 'retry by another process',
    shows: ['bullmq-5'],
    expected: ['known', 'redelivered'],
    async run({ telemetry, queueOf, worker, ended, other }) {
      await (await queueOf(telemetry)).add('job', {}, { attempts: 2, backoff: 100 })
      const first = (await worker(failing(1))) as { close(): Promise<void> }
      await ended(1)
      await first.close()
      await worker(failing(1), {}, other())
      await ended(2)
    },
  },
  step('DelayedError, 100 ms', async (job, token) => {
    await job.moveToDelayed(Date.now() + 100, token)
    return new DelayedError()
  }),
  step('WaitingError', async (job, token) => {
    await job.moveToWait(token)
    return new WaitingError()
  }),
  step('RateLimitError, 100 ms', async (_job, _token, { queueOf }) => {
    await (await queueOf()).rateLimit(100)
    return new RateLimitError()
  }),
  step(
    'WaitingChildrenError, its child in between',
    async (job, token, { queueOf }) => {
      const parent = { id: job.id ?? '', queue: job.queueQualifiedName }
      await (await queueOf()).add('child', {}, { parent })
      await job.moveToWaitingChildren(token)
      return new WaitingChildrenError()
    },
    ['known', 'no_timestamp', 'redelivered'],
  ),
  {
    title: 'stalled, run again',
    shows: ['bullmq-6', 'bullmq-28'],
    expected: ['redelivered'],
    async run({ scratch, telemetry, queueOf, worker, ended }) {
      await (await queueOf(telemetry)).add('job', {})
      // A worker that fetched it and died, with a lock that nobody renews.
      const dead = await scratch.worker(null, undefined, { lockDuration: 100 })
      await dead.getNextJob('token')
      await pause(150)
      await worker(undefined, { stalledInterval: 50 })
      await ended(1)
    },
  },
  {
    title: 'Job.retry() of a job that failed for good',
    shows: ['bullmq-6'],
    expected: ['known', 'redelivered'],
    async run({ telemetry, queueOf, worker, ended }) {
      const queue = await queueOf(telemetry)
      const { id = '' } = await queue.add('job', {})
      await worker(failing(1))
      await ended(1)
      await (await queue.getJob(id))?.retry('failed')
      await ended(2)
    },
  },
  {
    title: 'Job.retry() of a failed job, both counters reset',
    shows: ['bullmq-6'],
    expected: ['known', 'redelivered'],
    expectedOnPostgres: ['known', 'limit'],
    async run({ telemetry, queueOf, worker, ended }) {
      const queue = await queueOf(telemetry)
      const { id = '' } = await queue.add('job', {})
      let runs = 0
      await worker(async () => {
        if (++runs === 1) throw new Error('not yet')
      })
      await ended(1)
      await (await queue.getJob(id))?.retry('failed', { resetAttemptsMade: true, resetAttemptsStarted: true })
      await ended(2)
    },
  },
  {
    title: 'Job.retry() of a completed job, both counters reset',
    shows: ['bullmq-6'],
    expected: ['known', 'limit'],
    async run({ telemetry, queueOf, worker, ended }) {
      const queue = await queueOf(telemetry)
      const { id = '' } = await queue.add('job', {})
      await worker()
      await ended(1)
      await pause(100)
      await (
        await queue.getJob(id)
      )?.retry('completed', { resetAttemptsMade: true, resetAttemptsStarted: true })
      await ended(2)
    },
  },
  {
    title: 'Queue.retryJobs()',
    shows: ['bullmq-6'],
    expected: ['known', 'redelivered'],
    expectedOnPostgres: ['known', 'limit'],
    async run({ telemetry, queueOf, worker, ended }) {
      const queue = await queueOf(telemetry)
      await queue.add('job', {})
      await worker(failing(1))
      await ended(1)
      await queue.retryJobs({ state: 'failed' })
      await ended(2)
    },
  },
  {
    title: 'flow: two leaves, then their parent',
    shows: ['bullmq-8', 'bullmq-9'],
    expected: ['known', 'known', 'flow_parent'],
    async run({ scratch, telemetry, flowsOf, worker, ended }) {
      const queueName = scratch.name
      const leaf = { name: 'leaf', queueName }
      await (await flowsOf(telemetry)).add({ name: 'parent', queueName, children: [leaf, leaf] })
      await worker(async () => pause(40))
      await ended(3)
    },
  },
  {
    title: 'flow: a delayed leaf, then its delayed parent',
    shows: ['bullmq-3', 'bullmq-8', 'bullmq-9'],
    expected: ['known', 'flow_parent'],
    async run({ scratch, telemetry, flowsOf, worker, ended }) {
      const queueName = scratch.name
      const leaf = { name: 'leaf', queueName, opts: { delay: 100 } }
      await (
        await flowsOf(telemetry)
      ).add({ name: 'parent', queueName, opts: { delay: 100 }, children: [leaf] })
      await worker()
      await ended(2)
    },
  },
  {
    title: 'job scheduler, every 120 ms',
    shows: ['bullmq-4'],
    expected: ['known', 'known', 'known'],
    async run({ telemetry, queueOf, worker, ended }) {
      await (await queueOf(telemetry)).upsertJobScheduler('tick', { every: 120, limit: 3 }, { name: 'tick' })
      await worker()
      await ended(3)
    },
  },
  {
    title: 'job scheduler, by pattern each second',
    shows: ['bullmq-4'],
    expected: ['known'],
    async run({ scratch, telemetry, worker, ended }) {
      await scratch
        .queue(telemetry)
        .upsertJobScheduler('tick', { pattern: '* * * * * *', limit: 1 }, { name: 'tick' })
      await worker()
      await ended(1)
    },
  },
  {
    title: 'deduplicated: the winner only',
    shows: ['bullmq-29'],
    expected: ['known'],
    async run({ telemetry, queueOf, worker, ended }) {
      const queue = await queueOf(telemetry)
      await queue.add('job', {}, { deduplication: { id: 'a', ttl: 2000 } })
      await pause(80)
      await queue.add('job', {}, { deduplication: { id: 'a', ttl: 2000 } })
      await worker()
      await ended(1)
    },
  },
  {
    title: 'deduplicated and replaced while delayed',
    shows: ['bullmq-29'],
    expected: ['known'],
    async run({ telemetry, queueOf, worker, ended }) {
      const queue = await queueOf(telemetry)
      const options = { delay: 200, deduplication: { id: 'a', ttl: 200, extend: true, replace: true } }
      await queue.add('job', {}, options)
      await pause(60)
      await queue.add('job', {}, options)
      await worker()
      await ended(1)
    },
  },
  {
    title: 'deduplicated while active, kept for afterwards',
    shows: ['bullmq-29'],
    expected: ['known', 'known'],
    async run({ telemetry, queueOf, worker, ended }) {
      const queue = await queueOf(telemetry)
      const options = { deduplication: { id: 'a', keepLastIfActive: true } }
      await queue.add('job', {}, options)
      let started = (): void => undefined
      const active = new Promise<void>((resolve) => (started = resolve))
      await worker(async () => {
        started()
        await pause(200)
      })
      await active
      await queue.add('job', {}, options)
      await ended(2)
    },
  },
  {
    title: 'a producer without our header',
    shows: ['bullmq-2'],
    expected: ['no_timestamp'],
    async run({ queueOf, worker, ended }) {
      await (await queueOf()).add('job', {})
      await worker()
      await ended(1)
    },
  },
  {
    title: 'the same, its timestamp trusted',
    shows: ['bullmq-2'],
    expected: ['known'],
    async run({ scratch, queueOf, worker, ended, other }) {
      await (await queueOf()).add('job', {})
      await pause(50)
      await worker(undefined, {}, other({ trustTimestamp: (queue: string) => queue === scratch.name }))
      await ended(1)
    },
  },
]
