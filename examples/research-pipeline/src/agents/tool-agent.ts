import { traceConsumer } from '@waybill/rabbitmq'
import { traceProducer } from '@waybill/redis-streams'
import amqp, { type ConsumeMessage } from 'amqplib'
import { Redis } from 'ioredis'
import { runAgent } from '../agent/agent.ts'
import { PASSAGES_READ, quoteOf } from '../agent/quoting.ts'
import { searchTool } from '../agent/searching.ts'
import type { Search } from '../messages.ts'

/** The slow one: a message at a time, and almost a second for each. Whatever comes meanwhile waits in RabbitMQ. */
await runAgent(async (desk) => {
  const { queues, amqpUrl, redisUrl, waybill, progress, as, chat } = desk
  const redis = waybill ? traceProducer(new Redis(redisUrl)) : new Redis(redisUrl)
  const tool = searchTool(desk)

  const connection = await amqp.connect(amqpUrl)
  const receiving = await connection.createChannel()
  const channel = waybill ? traceConsumer(receiving) : receiving
  await channel.prefetch(1)
  const inHand = new Set<Promise<void>>()
  const { consumerTag } = await channel.consume(queues.searches, (message) => {
    if (message === null) return
    const handled = quote(message)
      .catch((error: Error) => {
        progress(`failed: ${error.message}`)
        channel.nack(message, false, false)
      })
      .finally(() => inHand.delete(handled))
    inHand.add(handled)
  })

  async function quote(message: ConsumeMessage): Promise<void> {
    const { query, ...question } = JSON.parse(String(message.content)) as Search
    const { conversation } = question
    await as({ name: 'tool-agent', role: 'specialist', conversation }, async () => {
      const { call, finding } = quoteOf(question, await tool.search(query, PASSAGES_READ))
      await chat(call)
      await redis.xadd(queues.findings, '*', 'finding', JSON.stringify(finding))
      progress(
        `${question.index + 1}/${question.count}: found ${PASSAGES_READ} passages, picked one of “${finding.source}”`,
      )
    })
    channel.ack(message)
  }

  return {
    async stop() {
      await channel.cancel(consumerTag)
      await Promise.all(inHand)
      await tool.close()
      await channel.close()
      await connection.close()
      await redis.quit()
    },
  }
})
