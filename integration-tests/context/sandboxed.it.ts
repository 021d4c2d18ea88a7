import { fileURLToPath } from 'node:url'
import { trace } from '@opentelemetry/api'
import { bullmqTelemetry } from '@waybill/bullmq'
import type { Job } from 'bullmq'
import { afterEach, beforeEach, describe, expect, inject, test } from 'vitest'
import { bullmqScratch, type BullmqScratch } from '../bullmq/scratch.ts'
import { installSdk, type TestTelemetry } from '../telemetry.ts'

const broker = inject('brokers').redis
const redisUrl = 'url' in broker ? broker.url : ''
const file = fileURLToPath(new URL('child/traced-processor.mjs', import.meta.url))
const execArgv = ['--no-warnings', '--conditions=waybill-source']

describe.skipIf(redisUrl === '')("BullMQ's sandboxed processors", () => {
  let telemetry: TestTelemetry
  let scratch: BullmqScratch
  beforeEach(() => {
    telemetry = installSdk()
    scratch = bullmqScratch(redisUrl)
  })
  afterEach(async () => {
    await scratch.close()
    expect(telemetry.recorder.open).toEqual([])
    await telemetry.uninstall()
  })

  test.each([
    ['a forked process', { workerForkOptions: { execArgv } }],
    ['a thread', { useWorkerThreads: true, workerThreadsOptions: { execArgv } }],
  ])(
    "agents-26: in %s, the work joins the job's trace; the job's options stay as they were",
    async (_, how) => {
      const queue = scratch.queue(bullmqTelemetry())
      const span = trace.getTracer('test').startSpan('request')
      const added = await queue.add('job', { n: 1 }, Object.freeze({ attempts: 3 }))
      span.end()
      const before = structuredClone(added.opts)
      const stored = await scratch.redis.hget(`bull:${scratch.name}:${added.id}`, 'opts')
      expect(stored).toContain('traceparent')

      const worker = await scratch.worker(file, bullmqTelemetry(), how)
      const [handled, work] = await new Promise<[Job, { traceId: string; parentSpanId: string }]>(
        (resolve, reject) => {
          worker.once('completed', (job, result) => resolve([job, result]))
          worker.once('failed', (_job, error) => reject(error))
        },
      )
      await worker.close()

      const [process] = telemetry.recorder.spans.filter(({ name }) => name.startsWith('process '))
      const [add] = telemetry.recorder.spans.filter(({ name }) => name.startsWith('add '))
      expect(work.parentSpanId).toBe(process?.spanContext().spanId)
      expect(new Set([work.traceId, process?.spanContext().traceId, add?.spanContext().traceId]).size).toBe(1)
      expect(added.opts).toEqual(before)
      expect(handled.opts).toEqual(before)
      expect(await scratch.redis.hget(`bull:${scratch.name}:${added.id}`, 'opts')).toBe(stored)
    },
  )
})
