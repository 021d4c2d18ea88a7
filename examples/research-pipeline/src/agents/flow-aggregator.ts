import { bullmqTelemetry } from '@waybill/bullmq'
import { Worker, type Job } from 'bullmq'
import { runAgent } from '../agent/agent.ts'
import { bullmqBackend } from '../agent/bullmq.ts'
import { post } from '../agent/http.ts'
import { step, think } from '../agent/step.ts'
import type { Answer, Finding } from '../messages.ts'

/** The parent of the flow: its turn comes when all sub-questions have been answered. */
await runAgent(async ({ queues, bullmqUrl, waybill, progress }) => {
  const { connection, backend } = bullmqBackend(bullmqUrl)
  const options = { connection, ...(waybill && { telemetry: bullmqTelemetry() }) }
  const worker = new Worker<{ readonly replyTo: string }>(
    queues.findings,
    async (job) => answer(job),
    options,
    backend,
  )
  await worker.waitUntilReady()

  async function answer(job: Job<{ readonly replyTo: string }>): Promise<void> {
    await step('answer', async (span) => {
      const findings = Object.values(await job.getChildrenValues<Finding>()).toSorted(
        (a, b) => a.index - b.index,
      )
      await think(180)
      const text = findings.map(({ quote, source }) => `${quote} [${source}]`).join(' ')
      span.setAttribute('research.findings', findings.length)
      await post(job.data.replyTo, { text, findings } satisfies Answer)
      progress(`joined ${findings.length} findings into the answer`)
    })
  }

  return { stop: () => worker.close() }
})
