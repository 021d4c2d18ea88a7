import { context, ROOT_CONTEXT, SpanStatusCode, trace } from '@opentelemetry/api'
import { bullmqTelemetry, runJob, type BullmqTelemetry } from '@waybill/bullmq'
import type { RecordedSpan } from '@waybill/core/testing'
import { DelayedError, type Job } from 'bullmq'
import type { Series } from '../telemetry.ts'
import type { BullmqScratch } from './scratch.ts'
import { idOf, linksOf, nothing, parentOf, pause, traceOf, type Suite } from './suite.ts'

/** What a row is run with: the telemetry of one of the two, and a queue of its own. */
export interface PeerBench {
  readonly telemetry: BullmqTelemetry
  readonly isOurs: boolean
  readonly suite: Suite
  readonly scratch: BullmqScratch
  spans(operation: string): RecordedSpan[]
  all(): readonly RecordedSpan[]
  processed(count: number): Promise<RecordedSpan[]>
  series(metric: string | RegExp): Promise<readonly Series[]>
}

/** A number of the behaviours, what is looked for, and a look that says in the words of the table what was found. */
export type PeerRow = readonly [behaviour: string, what: string, find: (bench: PeerBench) => Promise<string>]

export const yes = (found: unknown): string => (found === undefined || found === false ? 'no' : 'yes')
const attributesOf = (span: Pick<RecordedSpan, 'attributes'> | undefined): string[] =>
  Object.keys(span?.attributes ?? {})
export const aboutWaiting: RegExp = /transit|wait\b|latency|queue_time/
export const saysWait = (span: Pick<RecordedSpan, 'attributes'> | undefined): boolean =>
  attributesOf(span).some((name) => aboutWaiting.test(name))
export const inSpan = async <T>(name: string, run: () => Promise<T>): Promise<T> => {
  const span = trace.getTracer('test').startSpan(name)
  return context.with(trace.setSpan(context.active(), span), run).finally(() => span.end())
}
const failing = async (job: Job): Promise<string> => {
  if (job.attemptsMade === 0) throw new RangeError('no')
  return 'done'
}

export const peerRows: readonly PeerRow[] = [
  [
    '2',
    'the process span says how long the job waited',
    async ({ scratch, telemetry, processed }) => {
      await scratch.queue(telemetry).add('job', {})
      await scratch.worker(nothing, telemetry)
      return yes(saysWait((await processed(1))[0]))
    },
  ],
  [
    '3',
    'a delay that was asked for is told apart from the wait',
    async ({ scratch, telemetry, processed, all }) => {
      await scratch.queue(telemetry).add('job', {}, { delay: 50 })
      await scratch.worker(nothing, telemetry)
      await processed(1)
      return yes(all().some((span) => attributesOf(span).some((name) => name.includes('scheduled_delay'))))
    },
  ],
  [
    '4',
    "the wait of a job scheduler's iteration counts from when that was due",
    async ({ scratch, telemetry, isOurs, processed }) => {
      // All times that were taken before the second handler began: its wait ended at one of them, however late that was.
      let taken: number[] = []
      const now = (): number => {
        const time = Date.now()
        taken.push(time)
        return time
      }
      const own = isOurs ? bullmqTelemetry({ now }) : telemetry
      let before: readonly number[] = []
      await scratch.queue(own).upsertJobScheduler('tick', { every: 60, limit: 2 }, { name: 'tick' })
      await scratch.worker(async () => {
        before = taken
        taken = []
      }, own)
      const [, second] = await processed(2)
      const wait = second?.attributes['waybill.transit.time']
      const due = Number(String(second?.attributes['messaging.message.id']).split(':').at(-1))
      if (typeof wait !== 'number') return 'no wait at all'
      return yes(before.some((time) => Math.abs(time - due - wait * 1000) < 1))
    },
  ],
  [
    '5',
    'a retry links the attempt before it',
    async ({ scratch, telemetry, processed }) => {
      await scratch.queue(telemetry).add('job', {}, { attempts: 2 })
      await scratch.worker(failing, telemetry)
      const [first, second] = await processed(2)
      return yes(linksOf(second).includes(idOf(first) ?? ''))
    },
  ],
  [
    '6',
    'a step job that runs again is marked as no first delivery',
    async ({ scratch, telemetry, processed }) => {
      await scratch.queue(telemetry).add('step', {})
      await scratch.worker(async (job, token) => {
        if (job.attemptsStarted > 1) return
        await job.moveToDelayed(Date.now() + 10, token)
        throw new DelayedError()
      }, telemetry)
      const [, second] = await processed(2)
      return yes(second?.attributes['waybill.transit.unknown'] === 'redelivered')
    },
  ],
  [
    '7',
    'a timestamp of the application, 60 s off, leaves the wait as it is',
    async ({ scratch, telemetry, processed }) => {
      await scratch.queue(telemetry).add('job', {}, { timestamp: Date.now() - 60_000 })
      await scratch.worker(nothing, telemetry)
      const [process] = await processed(1)
      const wait = process?.attributes['waybill.transit.time']
      return typeof wait === 'number' ? yes(wait < 30) : 'no wait at all'
    },
  ],
  [
    '8',
    'traces of a flow of three nodes, two of them without `opts`',
    async ({ scratch, telemetry, processed, all }) => {
      const queueName = scratch.name
      await scratch.flows(telemetry).add({
        name: 'parent',
        queueName,
        children: [
          { name: 'a', queueName },
          { name: 'b', queueName, opts: {} },
        ],
      })
      await scratch.worker(nothing, telemetry)
      await processed(3)
      const own = all().filter(({ name }) => /^(add|process)/.test(name))
      return String(new Set(own.map(traceOf)).size)
    },
  ],
  [
    '9',
    'the parent of a flow is told from a leaf',
    async ({ scratch, telemetry, processed }) => {
      const queueName = scratch.name
      await scratch
        .flows(telemetry)
        .add({ name: 'parent', queueName, opts: {}, children: [{ name: 'a', queueName, opts: {} }] })
      await scratch.worker(nothing, telemetry)
      const [leaf, parent] = await processed(2)
      const told = (span: RecordedSpan | undefined): unknown => span?.attributes['waybill.transit.unknown']
      return yes(told(parent) !== undefined && told(leaf) !== told(parent))
    },
  ],
  [
    '10',
    'traces of three iterations of a job scheduler',
    async ({ scratch, telemetry, processed }) => {
      await scratch.queue(telemetry).upsertJobScheduler('tick', { every: 60, limit: 3 }, { name: 'tick' })
      await scratch.worker(nothing, telemetry)
      return String(new Set((await processed(3)).map(traceOf)).size)
    },
  ],
  [
    '16',
    'status of a failed attempt; exception with stack',
    async ({ scratch, telemetry, processed }) => {
      await scratch.queue(telemetry).add('job', {}, { attempts: 2 })
      await scratch.worker(failing, telemetry)
      const [first] = await processed(2)
      const stack = first?.events.some(({ attributes }) => attributes?.['exception.stacktrace'] !== undefined)
      return `${SpanStatusCode[first?.status.code ?? 0]}; ${yes(stack)}`
    },
  ],
  [
    '17',
    "a worker made inside a span: an untraced producer's job is a trace of its own",
    async ({ scratch, telemetry, processed }) => {
      await scratch.queue().add('job', {})
      await context.with(ROOT_CONTEXT, () => inSpan('start-up', () => scratch.worker(nothing, telemetry)))
      return yes(parentOf((await processed(1))[0]) === undefined)
    },
  ],
  [
    '18',
    "spans of BullMQ's housekeeping while a worker is idle for 100 ms and closes",
    async ({ scratch, telemetry, all }) => {
      const worker = await scratch.worker(nothing, telemetry, { stalledInterval: 30 })
      await pause(100)
      await worker.close()
      return all().length === 0 ? 'none' : 'several'
    },
  ],
  [
    '20',
    'of 200 jobs that one `addBulk` made, those that are traces of their own',
    async ({ scratch, telemetry, processed }) => {
      await scratch.queue(telemetry).addBulk(Array.from({ length: 200 }, () => ({ name: 'job', data: {} })))
      await scratch.worker(nothing, telemetry, { concurrency: 20 })
      const processes = await processed(200)
      return String(processes.filter((span) => parentOf(span) === undefined).length)
    },
  ],
  [
    '21',
    'each job of an `addBulk` has a creation context of its own',
    async ({ scratch, telemetry, processed }) => {
      await scratch.queue(telemetry).addBulk([1, 2].map((i) => ({ name: `job-${i}`, data: {} })))
      await scratch.worker(nothing, telemetry)
      const parents = new Set((await processed(2)).map(parentOf))
      return parents.size === 2 ? 'yes, with `bulkSpans`' : 'no'
    },
  ],
  [
    '22',
    'names of the messaging conventions',
    async ({ scratch, telemetry, processed }) => {
      await scratch.queue(telemetry).add('job', {})
      await scratch.worker(nothing, telemetry)
      return yes(attributesOf((await processed(1))[0]).includes('messaging.destination.name'))
    },
  ],
  [
    '23',
    'histograms: unit of the time that processing took; one of the wait',
    async ({ scratch, telemetry, isOurs, processed, series }) => {
      await scratch.queue(telemetry).add('job', {})
      const worker = await scratch.worker(nothing, telemetry)
      await processed(1)
      await worker.close()
      const own = (await series(/./)).filter(({ attributes }) =>
        Object.values(attributes).includes(scratch.name),
      )
      const processing = own.find(({ name }) => /(process|job)\.duration/.test(name))
      const wait = own.find(({ name }) => aboutWaiting.test(name))
      return `${processing?.unit}${isOurs ? '' : ', with `enableMetrics`'}; ${yes(wait)}`
    },
  ],
  [
    '24',
    'the return value goes to the exporter',
    async ({ scratch, telemetry, processed, all }) => {
      await scratch.queue(telemetry).add('job', {})
      const worker = await scratch.worker(async () => 'a secret', telemetry)
      await processed(1)
      await worker.close()
      return yes(
        JSON.stringify(all().map(({ attributes, events }) => [attributes, events])).includes('a secret'),
      )
    },
  ],
  [
    '25',
    'stored with a job when no SDK is registered',
    async ({ suite, telemetry }) =>
      suite.without(async () => {
        const { scratch } = suite
        const { id } = await scratch.queue(telemetry).add('job', {})
        const opts = (await scratch.redis.hget(`bull:${scratch.name}:${id}`, 'opts')) ?? '{}'
        const { tm } = JSON.parse(opts) as { tm?: string }
        return tm === undefined ? 'nothing' : `\`${tm}\``
      }),
  ],
  [
    '26',
    'work on a job fetched by hand is in the trace of its add',
    async ({ scratch, telemetry, isOurs, spans }) => {
      await scratch.queue(telemetry).add('job', {})
      const worker = await scratch.worker(null, telemetry)
      const job = await worker.getNextJob('token')
      const work = async (): Promise<void> => {
        await inSpan('work', () => pause(1))
        await job?.moveToCompleted('done', 'token', false)
      }
      await (isOurs ? runJob(worker, job as Job, work) : work())
      return yes(traceOf(spans('work')[0]) === traceOf(spans('add')[0])) + (isOurs ? ', with `runJob`' : '')
    },
  ],
  [
    '28',
    'the second run of a stalled job is marked',
    async ({ scratch, telemetry, processed }) => {
      await scratch.queue(telemetry).add('job', {})
      const dead = await scratch.worker(null, undefined, { lockDuration: 60 })
      await dead.getNextJob('token')
      await pause(80)
      await scratch.worker(nothing, telemetry, { stalledInterval: 40 })
      const [second] = await processed(1)
      return yes(attributesOf(second).some((name) => name.includes('stalled')))
    },
  ],
  [
    '29',
    'an add that deduplication drops names its deduplication id',
    async ({ scratch, telemetry, spans }) => {
      const queue = scratch.queue(telemetry)
      for (let i = 0; i < 2; i++) await queue.add('job', {}, { deduplication: { id: 'a' } })
      return yes(attributesOf(spans('add')[1]).some((name) => name.includes('deduplication')))
    },
  ],
]
