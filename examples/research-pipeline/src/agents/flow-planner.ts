import { bullmqTelemetry } from '@waybill/bullmq'
import { FlowProducer, Worker } from 'bullmq'
import { runAgent } from '../agent/agent.ts'
import { bullmqBackend } from '../agent/bullmq.ts'
import { step, think } from '../agent/step.ts'
import type { Question, SubQuestion } from '../messages.ts'

/** The planner of a demo that has BullMQ alone: its sub-questions are the children of a flow. */
await runAgent(async ({ queues, bullmqUrl, waybill, progress }) => {
  const { connection, backend } = bullmqBackend(bullmqUrl)
  const options = { connection, ...(waybill && { telemetry: bullmqTelemetry() }) }
  const flows = new FlowProducer(options, backend)
  const worker = new Worker<Question>(queues.questions, async (job) => plan(job.data), options, backend)
  await Promise.all([flows.waitUntilReady(), worker.waitUntilReady()])

  async function plan({ text, replyTo }: Question): Promise<void> {
    await step('plan', async () => {
      await think(220)
      const parts = text.replace(/\?$/, '').split(/,\s*(?:and\s+)?/)
      const subQuestions = parts.map((part, index): SubQuestion => ({
        text: `${part.charAt(0).toUpperCase()}${part.slice(1)}?`,
        index,
        count: parts.length,
        replyTo,
      }))
      await flows.add({
        name: 'answer',
        queueName: queues.findings,
        data: { replyTo },
        children: subQuestions.map((data) => ({
          name: 'research',
          queueName: queues['sub-questions'],
          data,
        })),
      })
      progress(`split the question into ${parts.length} and sent them on as a flow`)
    })
  }

  return {
    async stop() {
      await worker.close()
      await flows.close()
    },
  }
})
