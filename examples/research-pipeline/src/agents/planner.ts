import { bullmqTelemetry } from '@waybill/bullmq'
import { traceProducer } from '@waybill/kafka'
import { Worker } from 'bullmq'
import { runAgent } from '../agent/agent.ts'
import { kafkaClient } from '../agent/kafka.ts'
import { ofConversation, step, think } from '../agent/step.ts'
import type { Question, SubQuestion } from '../messages.ts'

await runAgent(async ({ agent, queues, redisUrl, kafkaBrokers, waybill, progress }) => {
  const kafka = kafkaClient(agent, kafkaBrokers)
  const producer = waybill ? traceProducer(kafka.producer()) : kafka.producer()
  await producer.connect()

  const connection = { url: redisUrl }
  const worker = new Worker<Question>(queues.questions, async (job) => plan(job.data), {
    connection,
    ...(waybill && { telemetry: bullmqTelemetry() }),
  })
  await worker.waitUntilReady()

  async function plan({ text, replyTo, conversation }: Question): Promise<void> {
    const split = async (): Promise<void> => {
      await think(220)
      const parts = text.replace(/\?$/, '').split(/,\s*(?:and\s+)?/)
      const messages = parts.map((part, index): SubQuestion => ({
        text: `${part.charAt(0).toUpperCase()}${part.slice(1)}?`,
        index,
        count: parts.length,
        replyTo,
        conversation,
      }))
      await producer.send({
        topic: queues['sub-questions'],
        messages: messages.map((message) => ({ value: JSON.stringify(message) })),
      })
      progress(`split the question into ${parts.length} and sent them on`)
    }
    await step('plan', split, ofConversation(conversation))
  }

  return {
    async stop() {
      await worker.close()
      await producer.disconnect()
    },
  }
})
