import path from 'node:path'
import { context, trace } from '@opentelemetry/api'
import { observeQueue, traceRelay } from '@waybill/bullmq'
import { QueueEvents, Relay } from 'bullmq'
import { expect, vi } from 'vitest'
import { postgresBackend } from './backends.ts'
import { aboutWaiting, inSpan, saysWait, yes, type PeerRow } from './peer-rows.ts'
import { bullmqPrograms, preload, twoJobs, type Programs, type Ran } from './programs.ts'
import { bullmqScratch } from './scratch.ts'
import { idOf, nothing, redisUrl, traceOf } from './suite.ts'

/** The rest of the table: other processes, bundles, sandboxes and backends, and what lies beside BullMQ's interface. */
export interface ReachRows {
  readonly rows: readonly PeerRow[]
  remove(): void
}

const telemetryOf = (isOurs: boolean, options = ''): string =>
  isOurs ? `bullmqTelemetry({ ${options} })` : `new BullMQOtel({ tracerName: 'peer' })`
const importing = (isOurs: boolean, options?: string): string =>
  `${isOurs ? `import { bullmqTelemetry } from '@waybill/bullmq'` : `import { BullMQOtel } from 'bullmq-otel'`}
   const telemetry = ${telemetryOf(isOurs, options)}`
const waits = (...ran: Ran[]): string => {
  const processes = ran.flatMap(({ spans }) => spans.filter(({ name }) => name.startsWith('process')))
  return `${processes.filter(saysWait).length} of ${processes.length}`
}
const warned = (said: string): string => {
  const count = said.split('\n').filter((line) => line.trim() !== '').length
  return ['no', 'once'][count] ?? 'several times'
}

export function reachRows(): ReachRows {
  const programs = bullmqPrograms()
  return { rows: rowsOf(programs), remove: () => programs.remove() }
}

const rowsOf = (programs: Programs): readonly PeerRow[] => [
  [
    '11',
    'jobs whose wait is known, by `import`, by `require` later than the telemetry, by two versions in one process',
    async ({ isOurs, scratch }) => {
      const versions = programs.write(
        `versions-${isOurs}.mjs`,
        `import * as six from 'bullmq'
         import * as five from 'bullmq-5'`,
        importing(isOurs),
        twoJobs,
        `await main(six)
         await main(five)`,
      )
      const required = programs.write(
        `required-${isOurs}.cjs`,
        `const { bullmqTelemetry, BullMQOtel } = require('${isOurs ? '@waybill/bullmq' : 'bullmq-otel'}')
         const telemetry = ${telemetryOf(isOurs)}`,
        twoJobs,
        `main(require('bullmq'))`,
      )
      return waits(
        await programs.run(versions, scratch.name),
        await programs.run(required, `${scratch.name}-2`),
      )
    },
  ],
  [
    '12',
    "in a bundle: jobs whose wait is known with BullMQ's classes passed; warned of without",
    async ({ isOurs, scratch }) => {
      const classes = `import { Queue, Worker, FlowProducer } from 'bullmq'`
      const bundled = async (name: string, options?: string): Promise<Ran> =>
        programs.run(
          await programs.bundle(
            `${name}-${isOurs}`,
            classes,
            importing(isOurs, options),
            twoJobs,
            `main({ Queue, Worker, FlowProducer })`,
          ),
          scratch.name,
        )
      const without = await bundled('without')
      const withClasses = isOurs ? await bundled('with', 'Worker, Queue, FlowProducer') : without
      return `${waits(withClasses)}; ${warned(without.said)}`
    },
  ],
  [
    '15',
    "a sandboxed processor's spans lie under the process span",
    async ({ isOurs, telemetry, scratch, processed }) => {
      const body = `async () => {
        const span = trace.getTracer('child').startSpan('work in the sandbox')
        span.end()
        return span.parentSpanContext?.spanId
      }`
      const file = programs.write(
        `sandboxed-${isOurs}.mjs`,
        `import { trace } from '@opentelemetry/api'
         ${isOurs ? `import { traceProcessor } from '@waybill/bullmq'` : ''}
         export default ${isOurs ? `traceProcessor(${body})` : body}`,
      )
      const env = { ...process.env, SPANS_FILE: `${file}.json` }
      const execArgv = ['--no-warnings', '--conditions=waybill-source', '--import', preload]
      await scratch.queue(telemetry).add('job', {})
      const worker = await scratch.worker(file, telemetry, { workerForkOptions: { execArgv, env } })
      const parent = await new Promise((resolve, reject) => {
        worker.once('completed', (_job, returned) => resolve(returned))
        worker.once('failed', (_job, error) => reject(error))
      })
      const [process_] = await processed(1)
      return yes(parent === idOf(process_)) + (isOurs ? ', with `traceProcessor`' : '')
    },
  ],
  [
    '19',
    "jobs that run after one with Sentry's metadata, of 3",
    // A worker that is stuck would never close, so it is another process's.
    async ({ isOurs, scratch }) => {
      const file = programs.write(
        `poisoned-${isOurs}.mjs`,
        `import { Queue, Worker } from 'bullmq'`,
        importing(isOurs),
        `const connection = { url: process.env.REDIS_URL }
         const queue = new Queue(process.env.QUEUE, { connection })
         const metadata = '0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-1'
         await queue.add('poison', {}, { telemetry: { metadata } })
         for (let i = 0; i < 3; i++) await queue.add('good', {})
         let good = 0
         const work = async (job) => void (good += job.name === 'good' ? 1 : 0)
         const worker = new Worker(process.env.QUEUE, work, { connection, telemetry })
         const over = setTimeout(end, 1500)
         worker.on('completed', () => good === 3 && worker.close().then(end))
         function end() {
           clearTimeout(over)
           console.log(good)
           process.exit()
         }`,
      )
      return (await programs.run(file, scratch.name)).out
    },
  ],
  [
    '27',
    'warned of: a second, newer copy of the OpenTelemetry API; no SDK',
    async ({ isOurs, scratch }) => {
      const sdk = (line: 2 | 3): string =>
        JSON.stringify(path.resolve(import.meta.dirname, `../otel-sdk-${line}/sdk.ts`))
      const program = (name: string, application: 2 | 3, setUp = ''): string =>
        programs.write(
          `${name}-${isOurs}.mjs`,
          `import { createRequire, registerHooks } from 'node:module'
           import { pathToFileURL } from 'node:url'
           // Whatever the application has, the package gets API 1.10.
           registerHooks({
             resolve: (specifier, context, next) =>
               specifier === '@opentelemetry/api' && /packages|node_modules.bullmq-otel/.test(context.parentURL)
                 ? next(specifier, { ...context, parentURL: pathToFileURL(${sdk(3)}).href })
                 : next(specifier, context),
           })
           const { context, diag, DiagConsoleLogger, DiagLogLevel, propagation, trace } =
             createRequire(${sdk(application)})('@opentelemetry/api')
           diag.setLogger(new DiagConsoleLogger(), DiagLogLevel.WARN)
           const bullmq = await import('bullmq')
           ${setUp}
           const { bullmqTelemetry, BullMQOtel } = await import('${isOurs ? '@waybill/bullmq' : 'bullmq-otel'}')
           const telemetry = ${telemetryOf(isOurs)}`,
          twoJobs,
          `await main(bullmq)`,
        )
      const twoCopies = program(
        'copies',
        2,
        `const { sdk } = await import(pathToFileURL(${sdk(2)}).href)
         trace.setGlobalTracerProvider(sdk.tracerProvider([], true))
         context.setGlobalContextManager(sdk.contextManager().enable())
         propagation.setGlobalPropagator(sdk.propagator())`,
      )
      const said = async (file: string): Promise<string> =>
        warned((await programs.run(file, scratch.name, { sdk: false })).said)
      return `${await said(twoCopies)}; ${await said(program('no-sdk', 3))}`
    },
  ],
  [
    '30',
    'a histogram of waits on a queue whose jobs nobody traces',
    async ({ isOurs, telemetry, scratch, series }) => {
      const events = await scratch.queueEvents()
      if (isOurs) observeQueue(events)
      // BullMQ's own events take no telemetry; given one nevertheless.
      const options = { connection: { url: redisUrl }, telemetry } as object
      const given = new QueueEvents(scratch.name, options as never)
      const waiting = new Promise((resolve) => events.once('completed', resolve))
      await scratch.queue().add('job', {})
      await scratch.worker(nothing)
      await waiting
      const found = await series(aboutWaiting)
      await given.close()
      const own = found.filter(({ attributes }) => Object.values(attributes).includes(scratch.name))
      return yes(own.length > 0) + (isOurs ? ', with `observeQueue`' : '')
    },
  ],
  [
    '31',
    "a relay's deliveries are in the trace of their publish",
    async ({ isOurs, telemetry, scratch, spans }) => {
      const options = { connection: { url: redisUrl }, namespace: scratch.name.slice(0, 40), telemetry }
      const open = (): Relay => {
        const relay = new Relay(options as never)
        relay.on('error', () => undefined)
        return isOurs ? traceRelay(relay) : relay
      }
      const [sender, receiver] = [open(), open()]
      const got: (string | undefined)[] = []
      await receiver.subscribe('progress', () => {
        got.push(trace.getSpanContext(context.active())?.traceId)
      })
      await inSpan('request', () => sender.publish('progress', { percent: 7 }))
      await vi.waitFor(() => expect(got).toHaveLength(1), { timeout: 5000, interval: 5 })
      await Promise.all([sender.close(), receiver.close()])
      return yes(got[0] === traceOf(spans('request')[0])) + (isOurs ? ', with `traceRelay`' : '')
    },
  ],
  [
    '32',
    'on PostgreSQL from npm, no broker installed: the process span says how long the job waited',
    async ({ telemetry, processed }) => {
      const backend = await postgresBackend()
      const scratch = bullmqScratch(backend)
      try {
        await scratch.queue(telemetry).add('job', {})
        await scratch.worker(nothing, telemetry)
        return yes(saysWait((await processed(1))[0]))
      } finally {
        await scratch.close()
        await backend.close()
      }
    },
  ],
]
