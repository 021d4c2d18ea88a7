import { traceConsumer } from '@waybill/kafka'
import { traceProducer } from '@waybill/rabbitmq'
import amqp from 'amqplib'
import { runAgent } from '../agent/agent.ts'
import { kafkaClient } from '../agent/kafka.ts'
import { keywords } from '../agent/words.ts'
import type { Search, SubQuestion } from '../messages.ts'

await runAgent(async ({ agent, queues, amqpUrl, kafkaBrokers, waybill, progress, as, chat }) => {
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
    const { conversation } = question
    await as({ name: 'retriever', role: 'specialist', conversation }, async () => {
      const query = keywords(question.text).join(' ')
      const prompt = `Put this question into the words to search for: ${question.text}`
      await chat({ model: 'mock-small', prompt, answer: query, ms: 110 })
      const message: Search = { ...question, query }
      channel.sendToQueue(queues.searches, Buffer.from(JSON.stringify(message)))
      await channel.waitForConfirms()
      progress(`${question.index + 1}/${question.count}: asked the tool agent for “${query}”`)
    })
  }

  return {
    async stop() {
      await consumer.disconnect()
      await channel.close()
      await connection.close()
    },
  }
})
