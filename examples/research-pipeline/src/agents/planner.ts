import { bullmqTelemetry } from '@waybill/bullmq'
import { traceProducer } from '@waybill/kafka'
import { Worker } from 'bullmq'
import { runAgent } from '../agent/agent.ts'
import { kafkaClient } from '../agent/kafka.ts'
import { planOf } from '../agent/planning.ts'
import type { Question } from '../messages.ts'

await runAgent(async ({ agent, queues, redisUrl, kafkaBrokers, waybill, progress, as, chat }) => {
  const kafka = kafkaClient(agent, kafkaBrokers)
  const producer = waybill ? traceProducer(kafka.producer()) : kafka.producer()
  await producer.connect()

  const connection = { url: redisUrl }
  const worker = new Worker<Question>(queues.questions, async (job) => plan(job.data), {
    connection,
    ...(waybill && { telemetry: bullmqTelemetry() }),
  })
  await worker.waitUntilReady()

  async function plan(question: Question): Promise<void> {
    const { conversation } = question
    await as({ name: 'planner', role: 'planner', conversation }, async () => {
      const { call, subQuestions } = planOf(question)
      await chat(call)
      await producer.send({
        topic: queues['sub-questions'],
        messages: subQuestions.map((message) => ({ value: JSON.stringify(message) })),
      })
      progress(`split the question into ${subQuestions.length} and sent them on`)
    })
  }

  return {
    async stop() {
      await worker.close()
      await producer.disconnect()
    },
  }
})
