import { execFile } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { context, ROOT_CONTEXT, SpanStatusCode, trace } from '@opentelemetry/api'
import { bullmqTelemetry, runJob, type BullmqTelemetry } from '@waybill/bullmq'
import type { RecordedSpan } from '@waybill/core/testing'
import { BullMQOtel } from 'bullmq-otel'
import { DelayedError, type Job } from 'bullmq'
import { promisify } from 'node:util'
import { afterAll, describe, expect, test, vi } from 'vitest'
import type { Series } from '../telemetry.ts'
import { bullmqScratch, type BullmqScratch } from './scratch.ts'
import {
  idOf,
  linksOf,
  nothing,
  onBackends,
  parentOf,
  pause,
  redisUrl,
  traceOf,
  type Suite,
} from './suite.ts'

/*
 * The table in the README of @waybill/bullmq: each row is run with both, and says what was found. A row that changes, on
 * either side, fails until the README says so.
 */
const readme = path.resolve(import.meta.dirname, '../../packages/bullmq/README.md')
const folder = mkdtempSync(path.join(import.meta.dirname, '.bullmq-peer-'))

interface Bench {
  readonly telemetry: BullmqTelemetry
  readonly isOurs: boolean
  readonly scratch: BullmqScratch
  spans(operation: string): RecordedSpan[]
  all(): readonly RecordedSpan[]
  processed(count: number): Promise<RecordedSpan[]>
  series(metric: string): Promise<readonly Series[]>
}
type Row = readonly [behaviour: string, what: string, find: (bench: Bench) => Promise<string>]

const yes = (found: unknown): string => (found === undefined || found === false ? 'no' : 'yes')
const attributesOf = (span: RecordedSpan | undefined): string[] => Object.keys(span?.attributes ?? {})
const saysWait = (span: RecordedSpan | undefined): boolean =>
  attributesOf(span).some((name) => /transit\.time|wait|latency|queue_time/.test(name))
const inSpan = async <T>(name: string, run: () => Promise<T>): Promise<T> => {
  const span = trace.getTracer('test').startSpan(name)
  return context.with(trace.setSpan(context.active(), span), run).finally(() => span.end())
}
const failing = async (job: Job): Promise<string> => {
  if (job.attemptsMade === 0) throw new RangeError('no')
  return 'done'
}

const rows: readonly Row[] = [
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
    'a histogram of processing time, with nothing else to set up',
    async ({ scratch, telemetry, processed, series }) => {
      await scratch.queue(telemetry).add('job', {})
      const worker = await scratch.worker(nothing, telemetry)
      await processed(1)
      await worker.close()
      const named = await Promise.all(['messaging.process.duration', 'bullmq.job.duration'].map(series))
      return yes(named.flat().some(({ attributes }) => Object.values(attributes).includes(scratch.name)))
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

const peerOf = (): BullmqTelemetry => new BullMQOtel({ tracerName: 'peer' }) as unknown as BullmqTelemetry
const oursOf = (): BullmqTelemetry => bullmqTelemetry({ bulkSpans: true })

describe('beside bullmq-otel', () => {
  afterAll(() => {
    rmSync(folder, { recursive: true })
  })

  onBackends(['ioredis'], (suite) => {
    test('the table in the README is what both do', { timeout: 40_000 }, async () => {
      const lines = ['| behaviour | | @waybill/bullmq | bullmq-otel 2.0.1 |', '|---|---|---|---|']
      for (const [behaviour, what, find] of rows) {
        const ours = await benched(suite, oursOf(), true, find)
        const peer = await benched(suite, peerOf(), false, find)
        lines.push(`| ${behaviour} | ${what} | ${ours} | ${peer} |`)
      }
      lines.push(
        `| 19 | jobs that run after one with Sentry's metadata, of 3 | ${await poisoned(suite, true)} | ${await poisoned(suite, false)} |`,
      )
      lines.push(
        `| 25 | stored with a job when no SDK is registered | ${await stored(suite, oursOf())} | ${await stored(suite, peerOf())} |`,
      )
      const table = lines.join('\n')
      console.log(table)
      const cells = (text: string): string[] =>
        text.split('\n').map((line) => line.replaceAll(/\s*\|\s*/g, '|').replaceAll(/-+/g, '-'))
      const [, inReadme = ''] =
        /<!-- peer table -->\n+([\s\S]*?)\n+<!-- end -->/.exec(readFileSync(readme, 'utf8')) ?? []
      expect(cells(inReadme)).toEqual(cells(table))
    })
  })
})

async function benched(
  suite: Suite,
  telemetry: BullmqTelemetry,
  isOurs: boolean,
  find: Row[2],
): Promise<string> {
  suite.telemetry.recorder.reset()
  const scratch = bullmqScratch(suite.backend)
  try {
    return await find({
      telemetry,
      isOurs,
      scratch,
      // The peer puts the job's name into that of the span.
      spans: (operation) => suite.spans(operation),
      all: () => suite.telemetry.recorder.spans,
      series: (metric) => suite.telemetry.series(metric),
      processed: (count) =>
        vi.waitFor(
          () => {
            expect(suite.spans('process').length).toBeGreaterThanOrEqual(count)
            return suite.spans('process')
          },
          { timeout: 5000, interval: 5 },
        ),
    })
  } finally {
    await scratch.close()
    await vi.waitFor(() => expect(suite.telemetry.recorder.open).toEqual([]))
    suite.telemetry.recorder.reset()
  }
}

/** In a process of its own: a worker that is stuck would never close. */
async function poisoned(suite: Suite, isOurs: boolean): Promise<string> {
  const file = path.join(folder, `${isOurs}.mjs`)
  writeFileSync(
    file,
    `import { Queue, Worker } from 'bullmq'
     import { BullMQOtel } from 'bullmq-otel'
     import { bullmqTelemetry } from '@waybill/bullmq'
     const connection = { url: process.env.REDIS_URL }
     const telemetry = ${isOurs} ? bullmqTelemetry() : new BullMQOtel({ tracerName: 'peer' })
     const queue = new Queue(process.env.QUEUE, { connection })
     const metadata = '0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-1'
     await queue.add('poison', {}, { telemetry: { metadata } })
     for (let i = 0; i < 3; i++) await queue.add('good', {})
     let good = 0
     new Worker(process.env.QUEUE, async (job) => void (good += job.name === 'good' ? 1 : 0), { connection, telemetry })
     setTimeout(() => { console.log(good); process.exit() }, 1500)`,
  )
  const preload = path.join(import.meta.dirname, '../readme-telemetry.ts')
  const { stdout } = await promisify(execFile)(
    process.execPath,
    ['--no-warnings', '--conditions=waybill-source', '--import', preload, file],
    {
      env: {
        ...process.env,
        REDIS_URL: redisUrl,
        QUEUE: suite.scratch.name,
        SPANS_FILE: path.join(folder, 'spans.json'),
      },
      timeout: 20_000,
    },
  )
  await suite.scratch.queue().obliterate({ force: true })
  return stdout.trim()
}

async function stored(suite: Suite, telemetry: BullmqTelemetry): Promise<string> {
  return suite.without(async () => {
    const { id } = await suite.scratch.queue(telemetry).add('job', {})
    const opts = JSON.parse(
      (await suite.scratch.redis.hget(`bull:${suite.scratch.name}:${id}`, 'opts')) ?? '{}',
    ) as { tm?: string }
    return opts.tm === undefined ? 'nothing' : `\`${opts.tm}\``
  })
}
