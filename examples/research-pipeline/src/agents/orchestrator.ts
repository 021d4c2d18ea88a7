import { randomUUID } from 'node:crypto'
import { bullmqTelemetry } from '@waybill/bullmq'
import { Queue } from 'bullmq'
import { runAgent } from '../agent/agent.ts'
import { bullmqBackend } from '../agent/bullmq.ts'
import { serve } from '../agent/http.ts'
import { ofConversation, step, think } from '../agent/step.ts'
import type { Answer, Question } from '../messages.ts'

await runAgent(async ({ queues, bullmqUrl, waybill, progress }) => {
  const { connection, backend } = bullmqBackend(bullmqUrl)
  const options = { connection, ...(waybill && { telemetry: bullmqTelemetry() }) }
  const queue = new Queue<Question>(queues.questions, options, backend)
  await queue.waitUntilReady()

  const { promise: answered, resolve: answer } = Promise.withResolvers<Answer>()
  const endpoint = await serve({
    async '/research'(question) {
      const conversation = randomUUID()
      const brief = async (): Promise<void> => {
        await think(60)
        const { text } = question as { readonly text: string }
        await queue.add('question', { text, conversation, replyTo: `${endpoint.url}/answers` })
        progress('took the question, queued it for the planner')
      }
      await step('brief the planner', brief, ofConversation(conversation))
      return answered
    },
    async '/answers'(body) {
      answer(body as Answer)
    },
  })

  return {
    url: endpoint.url,
    async stop() {
      await endpoint.close()
      await queue.close()
    },
  }
})
