import { bullmqTelemetry } from '@waybill/bullmq'
import { Queue, Worker } from 'bullmq'
import { runAgent } from '../agent/agent.ts'
import { bullmqBackend } from '../agent/bullmq.ts'
import { planOf } from '../agent/planning.ts'
import type { Question, SubQuestion } from '../messages.ts'

/** The planner of a demo that has BullMQ alone: its sub-questions are jobs of one bulk. */
await runAgent(async ({ queues, bullmqUrl, waybill, progress, as, chat }) => {
  const { connection, backend } = bullmqBackend(bullmqUrl)
  const options = { connection, ...(waybill && { telemetry: bullmqTelemetry() }) }
  const queue = new Queue<SubQuestion>(queues['sub-questions'], options, backend)
  const worker = new Worker<Question>(queues.questions, async (job) => plan(job.data), options, backend)
  await Promise.all([queue.waitUntilReady(), worker.waitUntilReady()])

  async function plan(question: Question): Promise<void> {
    const { conversation } = question
    await as({ name: 'planner', role: 'planner', conversation }, async () => {
      const { call, subQuestions } = planOf(question)
      await chat(call)
      await queue.addBulk(subQuestions.map((data) => ({ name: 'research', data })))
      progress(`split the question into ${subQuestions.length} and sent them on`)
    })
  }

  return {
    async stop() {
      await worker.close()
      await queue.close()
    },
  }
})
