import { traceConsumer } from '@waybill/kafka'
import { traceProducer } from '@waybill/rabbitmq'
import amqp from 'amqplib'
import { runAgent } from '../agent/agent.ts'
import { readCorpus } from '../agent/corpus.ts'
import { kafkaClient } from '../agent/kafka.ts'
import { ofConversation, step, think } from '../agent/step.ts'
import { byOverlap } from '../agent/words.ts'
import type { Passage, Passages, SubQuestion } from '../messages.ts'

await runAgent(async ({ agent, queues, amqpUrl, kafkaBrokers, waybill, progress }) => {
  const corpus = readCorpus()
  const connection = await amqp.connect(amqpUrl)
  const confirming = await connection.createConfirmChannel()
  const channel = waybill ? traceProducer(confirming) : confirming

  const kafka = kafkaClient(agent, kafkaBrokers)
  const topic = queues['sub-questions']
  // Looks for messages every 100 ms, not only every 5 s, should the first fetch come too early.
  const settings = { groupId: `retrievers-of-${topic}`, maxWaitTimeInMs: 100 }
  const consumer = waybill ? traceConsumer(kafka.consumer(settings)) : kafka.consumer(settings)
  const joined = new Promise((resolve) => consumer.on(consumer.events.GROUP_JOIN, resolve))
  await consumer.connect()
  await consumer.subscribe({ topic, fromBeginning: true })
  await consumer.run({
    eachMessage: async ({ message }) => retrieve(JSON.parse(String(message.value)) as SubQuestion),
  })
  await joined

  async function retrieve(question: SubQuestion): Promise<void> {
    await step(
      'retrieve',
      async (span) => {
        await think(110)
        const passages = byOverlap<Passage>(
          question.text,
          corpus,
          ({ title, text }) => `${title} ${text}`,
        ).slice(0, 2)
        span.setAttribute('research.passages', passages.length)
        const message: Passages = { ...question, passages }
        channel.sendToQueue(queues.passages, Buffer.from(JSON.stringify(message)))
        await channel.waitForConfirms()
        progress(`${question.index + 1}/${question.count}: found “${passages[0]?.title}” for the tool agent`)
      },
      ofConversation(question.conversation),
    )
  }

  return {
    async stop() {
      await consumer.disconnect()
      await channel.close()
      await connection.close()
    },
  }
})
