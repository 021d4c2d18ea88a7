import { bullmqTelemetry } from '@waybill/bullmq'
import { Worker } from 'bullmq'
import { runAgent } from '../agent/agent.ts'
import { bullmqBackend } from '../agent/bullmq.ts'
import { collector } from '../agent/collecting.ts'
import type { Finding } from '../messages.ts'

/** The aggregator of a demo that has BullMQ alone. */
await runAgent(async (desk) => {
  const { queues, bullmqUrl, waybill } = desk
  const { connection, backend } = bullmqBackend(bullmqUrl)
  const options = { connection, ...(waybill && { telemetry: bullmqTelemetry() }) }
  const collect = collector(desk)
  const worker = new Worker<Finding>(queues.findings, async (job) => collect(job.data), options, backend)
  await worker.waitUntilReady()
  return { stop: () => worker.close() }
})
