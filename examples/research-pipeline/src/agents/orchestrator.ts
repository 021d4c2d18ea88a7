import { bullmqTelemetry } from '@waybill/bullmq'
import { Queue } from 'bullmq'
import { runAgent } from '../agent/agent.ts'
import { serve } from '../agent/http.ts'
import { step, think } from '../agent/step.ts'
import type { Answer, Question } from '../messages.ts'

await runAgent(async ({ queues, redisUrl, waybill, progress }) => {
  const connection = { url: redisUrl }
  const queue = new Queue<Question>(queues.questions, {
    connection,
    ...(waybill && { telemetry: bullmqTelemetry() }),
  })
  await queue.waitUntilReady()

  const { promise: answered, resolve: answer } = Promise.withResolvers<Answer>()
  const endpoint = await serve({
    async '/research'(question) {
      await step('brief the planner', async () => {
        await think(60)
        const { text } = question as { readonly text: string }
        await queue.add('question', { text, replyTo: `${endpoint.url}/answers` })
        progress('took the question, queued it for the planner')
      })
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
