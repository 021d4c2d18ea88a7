import { randomUUID } from 'node:crypto'
import { mergeUsage } from '@waybill/agent'
import { bullmqTelemetry } from '@waybill/bullmq'
import { Queue } from 'bullmq'
import { runAgent } from '../agent/agent.ts'
import { bullmqBackend } from '../agent/bullmq.ts'
import { serve } from '../agent/http.ts'
import type { Answer, Question } from '../messages.ts'

await runAgent(async ({ queues, bullmqUrl, waybill, progress, as, chat }) => {
  const { connection, backend } = bullmqBackend(bullmqUrl)
  const options = { connection, ...(waybill && { telemetry: bullmqTelemetry() }) }
  const queue = new Queue<Question>(queues.questions, options, backend)
  await queue.waitUntilReady()

  const { promise: answered, resolve: answer } = Promise.withResolvers<Answer>()
  const endpoint = await serve({
    async '/research'(body) {
      const { text } = body as { readonly text: string }
      const conversation = randomUUID()
      return as({ name: 'orchestrator', role: 'orchestrator', conversation }, async () => {
        const prompt = `You lead a team of agents. Whom do you give this question, and with what words? ${text}`
        await chat({ model: 'mock-large', prompt, answer: `Planner, please split this: ${text}`, ms: 60 })
        await queue.add('question', { text, conversation, replyTo: `${endpoint.url}/answers` })
        progress('took the question, queued it for the planner')
        // What the aggregator says that it used goes into this agent's account; without Waybill it says nothing.
        return mergeUsage(await answered)
      })
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
