import { fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { BroadcastChannel, Worker } from 'node:worker_threads'
import { bindContext, extract, inject, toEnv, toWorkerData } from '@waybill/core'
import type { ContextProbe } from '@waybill/core/testing'
import { Piscina } from 'piscina'
import { asEach, settled, type Case } from './case.ts'

const fileOf = (name: string): string => fileURLToPath(new URL(name, import.meta.url))

/** Threads and processes. */
export const threadCases: readonly Case[] = [
  {
    name: 'piscina, awaited',
    verdict: 'right',
    async scenario(probe) {
      const pool = new Piscina({ filename: fileOf('child/echo.mjs'), maxThreads: 1, minThreads: 1 })
      await asEach(probe, async (owner) => {
        await pool.run(owner)
        probe.mark(owner)
      })
      await pool.destroy()
    },
  },
  {
    name: "a worker's 'message' event in the thread that made it",
    verdict: 'right',
    scenario: ({ as, mark }) =>
      as('A', async () => {
        const worker = new Worker(fileOf('child/worker.mjs'), { workerData: {} })
        const { promise, resolve } = settled()
        worker.on('message', () => resolve(mark('A')))
        await promise
        await worker.terminate()
      }),
  },
  {
    name: 'the reply of a pool worker that was made at boot',
    verdict: 'wrong',
    scenario: (probe) => poolReply(probe, (listener) => listener),
    mended: { by: 'bindContext', scenario: (probe) => poolReply(probe, bindContext) },
  },
  {
    name: 'the body of a worker thread',
    verdict: 'lost',
    scenario: (probe) => workerBody(probe, {}),
    mended: {
      by: 'toWorkerData',
      scenario: (probe) =>
        workerBody(
          probe,
          probe.as('A', () => toWorkerData({ job: 7 })),
        ),
    },
  },
  {
    name: 'BroadcastChannel',
    verdict: 'lost',
    scenario: (probe) => broadcast(probe, () => ({})),
    mended: { by: 'a carrier in the message', scenario: (probe) => broadcast(probe, inject) },
  },
  {
    name: 'a child process',
    verdict: 'lost',
    scenario: (probe) => childProcess(probe, () => process.env),
    mended: { by: 'toEnv and fromEnv', scenario: (probe) => childProcess(probe, toEnv) },
  },
]

async function poolReply(
  { as, mark }: ContextProbe,
  bind: (listener: () => void) => () => void,
): Promise<void> {
  const worker = as('boot', () => new Worker(fileOf('child/pool-worker.mjs')))
  await as('A', async () => {
    const { promise, resolve } = settled()
    worker.once(
      'message',
      bind(() => resolve(mark('A'))),
    )
    worker.postMessage('work')
    await promise
  })
  await worker.terminate()
}

/** The thread sends back what it finds active. */
async function workerBody({ as, mark }: ContextProbe, workerData: object): Promise<void> {
  await as('A', async () => {
    const worker = new Worker(fileOf('child/worker.mjs'), { workerData })
    const [found] = (await once(worker, 'message')) as [unknown]
    mark('A', extract(found))
    await worker.terminate()
  })
}

async function broadcast({ as, mark }: ContextProbe, carrier: () => object): Promise<void> {
  const name = 'waybill-context'
  const receiver = new BroadcastChannel(name)
  const sender = new BroadcastChannel(name)
  const { promise, resolve } = settled()
  receiver.onmessage = (event) => {
    mark('A', extract((event as { data: unknown }).data))
    resolve()
  }
  as('A', () => sender.postMessage(carrier()))
  await promise
  receiver.close()
  sender.close()
}

async function childProcess(
  { as, mark }: ContextProbe,
  env: () => Record<string, string | undefined>,
): Promise<void> {
  await as('A', async () => {
    const child = fork(fileOf('child/process.mjs'), { env: env(), execArgv: [...CONDITIONS] })
    const [found] = (await once(child, 'message')) as [unknown]
    mark('A', extract(found))
  })
}

/** Children load our packages from their sources, as this process does. */
const CONDITIONS = ['--conditions=waybill-source', '--no-warnings']
