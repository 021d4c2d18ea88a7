import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { extract } from '@waybill/core'
import type { ContextProbe } from '@waybill/core/testing'
import { Queue, Worker } from 'bullmq'
import { redisUrl, type Case } from './case.ts'

/** BullMQ's processors in a process or a thread of their own; what mends them is in the tests of its adapter. */
export const sandboxCases: readonly Case[] = [
  {
    name: "BullMQ's sandboxed processor",
    verdict: 'lost',
    needsRedis: true,
    scenario: (probe) => sandboxed(probe),
  },
]

async function sandboxed({ as, mark }: ContextProbe): Promise<void> {
  const connection = { url: redisUrl }
  const name = `context-${randomUUID()}`
  const queue = new Queue(name, { connection })
  const file = fileURLToPath(new URL('child/processor.cjs', import.meta.url))
  const worker = new Worker(name, file, { connection, workerForkOptions: { execArgv: CONDITIONS } })
  await as('A', () => queue.add('job', {}))
  const [, found] = (await once(worker, 'completed')) as [unknown, unknown]
  mark('A', extract(found))
  await worker.close()
  await queue.obliterate({ force: true })
  await queue.close()
}

const CONDITIONS = ['--conditions=waybill-source', '--no-warnings']
