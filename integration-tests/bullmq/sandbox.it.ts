import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { propagation, context, ROOT_CONTEXT } from '@opentelemetry/api'
import type { BullmqTelemetry } from '@waybill/bullmq'
import { afterAll, describe, expect, test } from 'vitest'
import { idOf, onBackends, parentOf, traceOf, type Suite } from './suite.ts'

const folder = mkdtempSync(path.join(import.meta.dirname, '.bullmq-sandbox-'))
const preload = path.join(import.meta.dirname, '../readme-telemetry.ts')

/** What the processor sees in its own process or thread, written to a file since its spans stay there. */
interface Inside {
  readonly traceId: string
  readonly parentSpanId: string
  readonly tenant?: string
  readonly origin?: string
  readonly metadata: string
}

function processorFile(name: string): { file: string; read(): Inside } {
  const file = path.join(folder, `${name}.mjs`)
  const written = path.join(folder, `${name}.json`)
  writeFileSync(
    file,
    `import { writeFileSync } from 'node:fs'
     import { context, propagation, trace } from '@opentelemetry/api'
     import { traceProcessor } from '@waybill/bullmq'
     export default traceProcessor(async (job) => {
       const span = trace.getTracer('child').startSpan('work in the sandbox')
       const { traceId } = span.spanContext()
       span.end()
       writeFileSync(${JSON.stringify(written)}, JSON.stringify({
         traceId,
         parentSpanId: span.parentSpanContext?.spanId,
         tenant: propagation.getBaggage(context.active())?.getEntry('tenant')?.value,
         metadata: job.opts.telemetry?.metadata,
       }))
       if (job.name === 'failing') throw new RangeError('from the sandbox')
       return 'done'
     })`,
  )
  return { file, read: () => JSON.parse(readFileSync(written, 'utf8')) as Inside }
}

const execArgv = ['--no-warnings', '--conditions=waybill-source', '--import', preload]
const sandboxes = {
  'a process': {
    workerForkOptions: { execArgv, env: { ...process.env, SPANS_FILE: path.join(folder, 'spans.json') } },
  },
  'a thread': {
    useWorkerThreads: true,
    workerThreadsOptions: { execArgv, env: { ...process.env, SPANS_FILE: path.join(folder, 'spans.json') } },
  },
} as const

describe('processors in a sandbox', () => {
  afterAll(() => {
    rmSync(folder, { recursive: true })
  })

  onBackends(['ioredis'], (suite) => {
    defineFor(suite, ['a process', 'a thread'])
  })
  onBackends(['node-redis', 'postgres'], (suite) => {
    defineFor(suite, ['a process'])
  })
})

function defineFor(suite: Suite, kinds: readonly (keyof typeof sandboxes)[]): void {
  const runIn = async (
    how: keyof typeof sandboxes,
    name: string,
    worker: BullmqTelemetry | undefined,
    jobName = 'job',
  ) => {
    const { scratch, ours } = suite
    const { file, read } = processorFile(`${scratch.name}-${name}`)
    const baggage = propagation.createBaggage({ tenant: { value: 'acme' } })
    const job = await context.with(propagation.setBaggage(ROOT_CONTEXT, baggage), () =>
      scratch.queue(ours()).add(jobName, {}),
    )
    const made = await scratch.worker(file, worker, sandboxes[how])
    const settled = await new Promise<object | undefined>((resolve) => {
      made.once('completed', resolve)
      made.once('failed', resolve)
    })
    await made.close()
    return { inside: read(), job, settled }
  }

  test.each(kinds)(
    'bullmq-15: in %s, spans lie under the process span, with its baggage; the job stays as it is',
    async (how) => {
      const { inside, job, settled } = await runIn(how, 'ours', suite.ours())
      const [process] = await suite.processed(1)
      expect(inside.parentSpanId).toBe(idOf(process))
      expect(inside.traceId).toBe(traceOf(process))
      expect(inside.tenant).toBe('acme')
      expect(Object.keys(settled ?? {})).not.toContain('asJSONSandbox')
      expect((settled as typeof job).opts.telemetry?.metadata).toBe(job.opts.telemetry?.metadata)
      expect(inside.metadata).not.toBe(job.opts.telemetry?.metadata)
    },
  )

  if (kinds.length < 2) return
  test('bullmq-15: with a worker that is not traced, they lie under whoever added the job', async () => {
    const { inside } = await runIn('a process', 'bare', undefined)
    expect(inside.parentSpanId).toBe(idOf(suite.spans('add')[0]))
    expect(suite.spans('process')).toEqual([])
  })

  test('bullmq-16: an error of the sandbox keeps its name and stack', async () => {
    await runIn('a process', 'failing', suite.ours(), 'failing')
    const [process] = await suite.processed(1)
    expect(process?.status.message).toBe('from the sandbox')
    expect(process?.attributes['error.type']).toBe('RangeError')
    expect(process?.events[0]?.attributes?.['exception.stacktrace']).toContain('-failing.mjs')
    expect(parentOf(process)).toBe(idOf(suite.spans('add')[0]))
  })
}
