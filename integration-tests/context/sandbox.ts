import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { bullmqTelemetry, type BullmqTelemetry } from '@waybill/bullmq'
import { extract } from '@waybill/core'
import type { ContextProbe } from '@waybill/core/testing'
import { Queue, Worker } from 'bullmq'
import { redisUrl, type Case } from './case.ts'

/** BullMQ's processors in a process of their own. */
export const sandboxCases: readonly Case[] = [
  {
    name: "BullMQ's sandboxed processor",
    verdict: 'lost',
    needsRedis: true,
    scenario: (probe) => sandboxed(probe, 'child/processor.cjs'),
    mended: {
      by: 'bullmqTelemetry and traceProcessor',
      scenario: (probe) => sandboxed(probe, 'child/traced-processor.mjs', { telemetry: bullmqTelemetry() }),
    },
  },
]

async function sandboxed(
  { as, mark }: ContextProbe,
  processor: string,
  traced: { telemetry?: BullmqTelemetry } = {},
): Promise<void> {
  const options = { connection: { url: redisUrl }, ...traced }
  const name = `context-${randomUUID()}`
  const queue = new Queue(name, options)
  const file = fileURLToPath(new URL(processor, import.meta.url))
  const worker = new Worker(name, file, { ...options, workerForkOptions: { execArgv: CONDITIONS } })
  await as('A', () => queue.add('job', {}))
  const [, found] = (await once(worker, 'completed')) as [unknown, unknown]
  mark('A', extract(found))
  await worker.close()
  await queue.obliterate({ force: true })
  await queue.close()
}

const CONDITIONS = ['--conditions=waybill-source', '--no-warnings']
