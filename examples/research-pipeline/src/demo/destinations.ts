import { setTimeout as sleep } from 'node:timers/promises'
import amqp from 'amqplib'
import { Queue } from 'bullmq'
import { Redis } from 'ioredis'
import { bullmqBackend } from '../agent/bullmq.ts'
import { kafkaClient } from '../agent/kafka.ts'
import type { QueueNames } from '../queues.ts'

export interface BrokerUrls {
  /** Where BullMQ keeps its jobs: Redis or PostgreSQL. */
  readonly bullmqUrl: string
  readonly redisUrl: string
  readonly amqpUrl: string
  readonly kafkaBrokers: string
}

/** Makes what a client does not make by itself at its first use. */
export async function createDestinations(queues: QueueNames, urls: BrokerUrls): Promise<void> {
  await Promise.all([
    withKafkaAdmin(urls, async (admin) => {
      await admin.createTopics({
        topics: [{ topic: queues['sub-questions'], numPartitions: 1 }],
        waitForLeaders: true,
      })
    }),
    withChannel(urls, (channel) => channel.assertQueue(queues.searches)),
  ])
}

/** A broker that is gone has nothing to remove, but clients would go on trying. */
const PATIENCE_MS = 2_500

/** The brokers may be the user's: nothing of a run is left on them. */
export async function removeDestinations(
  queues: QueueNames,
  urls: BrokerUrls,
  created: Promise<void>,
  bullmqOnly: boolean,
): Promise<void> {
  const removed = bullmqOnly ? removeBullmq(queues, urls) : removeAll(queues, urls, created)
  await Promise.race([removed, sleep(PATIENCE_MS, undefined, { ref: false })])
}

async function removeAll(queues: QueueNames, urls: BrokerUrls, created: Promise<void>): Promise<void> {
  // Else what is still being made would outlive its removal.
  await Promise.allSettled([created])
  const topic = queues['sub-questions']
  await Promise.allSettled([
    withKafkaAdmin(urls, async (admin) => {
      await admin.deleteTopics({ topics: [topic] })
      await admin.deleteGroups([`retrievers-of-${topic}`])
    }),
    withChannel(urls, (channel) => channel.deleteQueue(queues.searches)),
    withRedis(urls, (redis) => redis.del(queues.findings)),
    withBullmq(queues.questions, urls, (queue) => queue.obliterate({ force: true })),
  ])
}

async function removeBullmq(queues: QueueNames, urls: BrokerUrls): Promise<void> {
  const used = [queues.questions, queues['sub-questions'], queues.findings]
  const removed = used.map((name) => withBullmq(name, urls, (queue) => queue.obliterate({ force: true })))
  await Promise.allSettled(removed)
}

/** A lost connection also fails the call that needs it; the event would only be printed, or end the process. */
function ignore(): void {}

type KafkaAdmin = ReturnType<ReturnType<typeof kafkaClient>['admin']>

async function withKafkaAdmin(urls: BrokerUrls, use: (admin: KafkaAdmin) => Promise<unknown>): Promise<void> {
  const admin = kafkaClient('demo', urls.kafkaBrokers).admin()
  await admin.connect()
  try {
    await use(admin)
  } finally {
    await admin.disconnect()
  }
}

async function withChannel(
  urls: BrokerUrls,
  use: (channel: amqp.Channel) => Promise<unknown>,
): Promise<void> {
  const connection = await amqp.connect(urls.amqpUrl)
  connection.on('error', ignore)
  try {
    await use(await connection.createChannel())
  } finally {
    await connection.close()
  }
}

async function withRedis(urls: BrokerUrls, use: (redis: Redis) => Promise<unknown>): Promise<void> {
  const redis = new Redis(urls.redisUrl).on('error', ignore)
  try {
    await use(redis)
  } finally {
    redis.disconnect()
  }
}

async function withBullmq(
  name: string,
  urls: BrokerUrls,
  use: (queue: Queue) => Promise<unknown>,
): Promise<void> {
  const { connection, backend } = bullmqBackend(urls.bullmqUrl)
  const queue = new Queue(name, { connection }, backend).on('error', ignore)
  try {
    await use(queue)
  } finally {
    await queue.close()
  }
}
