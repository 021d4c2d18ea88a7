import { bullmqTelemetry } from '@waybill/bullmq'
import { bullmqScratch } from '../bullmq/scratch.ts'
import { conformance } from './suite.ts'

conformance({
  name: 'bullmq',
  broker: 'redis',
  systemName: 'bullmq',
  operations: { send: 'add', process: 'process' },
  // Metadata is JSON text: bytes cannot be written at all.
  accepts: (value) => [value].flat().every((one) => !Buffer.isBuffer(one)),
  applicationHeaders: false,
  redelivers: true,
  knowsRetryWait: true,
  open: async (url, options) => {
    const scratch = bullmqScratch(url)
    const telemetry = bullmqTelemetry(options)
    const [queue, bare] = [scratch.queue(telemetry), scratch.queue()]
    let last: string | undefined
    return {
      destination: scratch.name,
      source: scratch.name,
      send: ({ body }) => queue.add('job', { body }, Object.freeze({ attempts: 2 })),
      sendBare: ({ body, headers }) => {
        const metadata = headers && { telemetry: { metadata: JSON.stringify(headers) } }
        return bare.add('job', { body }, { attempts: 2, ...metadata })
      },
      consume: async (handler) => {
        await scratch.worker(
          (job) => ((last = job.id), handler(job.data.body)) as Promise<unknown>,
          telemetry,
        )
      },
      arrivedAt: async () => (await scratch.events('waiting', last)).at(-1)?.at,
      brokerNow: async () => scratch.redis.time().then(([s, us]) => Number(s) * 1000 + Number(us) / 1000),
      close: () => scratch.close(),
    }
  },
})
