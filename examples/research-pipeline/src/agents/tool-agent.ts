import { traceConsumer } from '@waybill/rabbitmq'
import { traceProducer } from '@waybill/redis-streams'
import amqp, { type ConsumeMessage } from 'amqplib'
import { Redis } from 'ioredis'
import { runAgent } from '../agent/agent.ts'
import { ofConversation, step, think } from '../agent/step.ts'
import { allWords, byOverlap } from '../agent/words.ts'
import type { Finding, Passages } from '../messages.ts'

/** The slow one: a message at a time, and almost a second for each. Whatever comes meanwhile waits in RabbitMQ. */
const SECONDS_OF_THOUGHT = 0.9

await runAgent(async ({ queues, amqpUrl, redisUrl, waybill, progress }) => {
  const redis = waybill ? traceProducer(new Redis(redisUrl)) : new Redis(redisUrl)

  const connection = await amqp.connect(amqpUrl)
  const receiving = await connection.createChannel()
  const channel = waybill ? traceConsumer(receiving) : receiving
  await channel.prefetch(1)
  const inHand = new Set<Promise<void>>()
  const { consumerTag } = await channel.consume(queues.passages, (message) => {
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
    const { passages, ...question } = JSON.parse(String(message.content)) as Passages
    await step(
      'quote',
      async (span) => {
        await think(SECONDS_OF_THOUGHT * 1000)
        const sentences = passages.flatMap(({ title, text }) =>
          (text.match(/[^.]+\./g) ?? []).map((sentence) => ({ source: title, quote: sentence.trim() })),
        )
        const [best] = byOverlap(question.text, sentences, (sentence) => sentence.quote)
        if (best === undefined) throw new Error(`Nothing to quote for: ${question.text}`)
        const wordsRead = passages.reduce((sum, { text }) => sum + allWords(text).length, 0)
        span.setAttribute('research.words_read', wordsRead)
        const finding: Finding = { ...question, ...best, wordsRead }
        await redis.xadd(queues.findings, '*', 'finding', JSON.stringify(finding))
        progress(`${question.index + 1}/${question.count}: read ${wordsRead} words, picked a quote`)
      },
      ofConversation(question.conversation),
    )
    channel.ack(message)
  }

  return {
    async stop() {
      await channel.cancel(consumerTag)
      await Promise.all(inHand)
      await channel.close()
      await connection.close()
      await redis.quit()
    },
  }
})
