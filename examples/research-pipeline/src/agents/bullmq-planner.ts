import { bullmqTelemetry } from '@waybill/bullmq'
import { Queue, Worker } from 'bullmq'
import { runAgent } from '../agent/agent.ts'
import { bullmqBackend } from '../agent/bullmq.ts'
import { ofConversation, step, think } from '../agent/step.ts'
import type { Question, SubQuestion } from '../messages.ts'

/** The planner of a demo that has BullMQ alone: its sub-questions are jobs of one bulk. */
await runAgent(async ({ queues, bullmqUrl, waybill, progress }) => {
  const { connection, backend } = bullmqBackend(bullmqUrl)
  const options = { connection, ...(waybill && { telemetry: bullmqTelemetry() }) }
  const subQuestions = new Queue<SubQuestion>(queues['sub-questions'], options, backend)
  const worker = new Worker<Question>(queues.questions, async (job) => plan(job.data), options, backend)
  await Promise.all([subQuestions.waitUntilReady(), worker.waitUntilReady()])

  async function plan({ text, replyTo, conversation }: Question): Promise<void> {
    const split = async (): Promise<void> => {
      await think(220)
      const parts = text.replace(/\?$/, '').split(/,\s*(?:and\s+)?/)
      const jobs = parts.map((part, index) => ({
        name: 'research',
        data: {
          text: `${part.charAt(0).toUpperCase()}${part.slice(1)}?`,
          index,
          count: parts.length,
          replyTo,
          conversation,
        } satisfies SubQuestion,
      }))
      await subQuestions.addBulk(jobs)
      progress(`split the question into ${parts.length} and sent them on`)
    }
    await step('plan', split, ofConversation(conversation))
  }

  return {
    async stop() {
      await worker.close()
      await subQuestions.close()
    },
  }
})
