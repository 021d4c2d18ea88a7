import { randomUUID } from 'node:crypto'
import {
  Kafka,
  logLevel,
  type Consumer,
  type ConsumerRunConfig,
  type EachMessageHandler,
  type KafkaConfig,
  type Producer,
} from 'kafkajs'

/** Clients, topics and a group on a shared broker that `close` takes away again. */
export interface KafkaScratch {
  readonly config: KafkaConfig
  readonly groupId: string
  /** Makes a topic with one partition; `LogAppendTime` has the broker stamp the records by its own clock. */
  readonly topic: (timestampType?: 'CreateTime' | 'LogAppendTime') => Promise<string>
  readonly producer: (
    trace?: (producer: Producer) => Producer,
    config?: { transactionalId: string },
  ) => Promise<Producer>
  readonly consumer: (trace?: (consumer: Consumer) => Consumer) => Promise<Consumer>
  /** Connects a client, and has `close` disconnect it. */
  readonly connected: <C extends Producer | Consumer>(client: C) => Promise<C>
  /** Subscribes and runs from the first record; settles when the group is joined. A function is for `eachMessage`. */
  readonly run: (
    consumer: Consumer,
    topic: string,
    run: EachMessageHandler | ConsumerRunConfig,
  ) => Promise<void>
  readonly close: () => Promise<void>
}

export async function kafkaScratch(url: string): Promise<KafkaScratch> {
  // kafkajs takes other defaults for retries where NODE_ENV is 'test'.
  const config = {
    brokers: [url],
    logLevel: logLevel.NOTHING,
    retry: { initialRetryTime: 20, retries: 8 },
  }
  const kafka = new Kafka(config)
  const admin = kafka.admin()
  const groupId = `group-${randomUUID()}`
  const [clients, topics]: [{ disconnect: () => Promise<void> }[], string[]] = [[], []]
  await admin.connect()

  async function connected<C extends Producer | Consumer>(client: C): Promise<C> {
    clients.unshift(client)
    await client.connect()
    return client
  }
  return {
    config,
    connected,
    groupId,
    topic: async (timestampType = 'CreateTime') => {
      const topic = `topic-${randomUUID()}`
      topics.push(topic)
      const configEntries = [{ name: 'message.timestamp.type', value: timestampType }]
      await admin.createTopics({ topics: [{ topic, numPartitions: 1, configEntries }] })
      return topic
    },
    producer: (trace = (producer) => producer, config) => connected(trace(kafka.producer(config))),
    consumer: (trace = (consumer) => consumer) =>
      connected(trace(kafka.consumer({ groupId, maxWaitTimeInMs: 50 }))),
    run: async (consumer, topic, run) => {
      await consumer.subscribe({ topic, fromBeginning: true })
      const joined = Promise.withResolvers<unknown>()
      const forget = consumer.on('consumer.group_join', joined.resolve)
      await consumer.run(typeof run === 'function' ? { eachMessage: run } : run)
      await joined.promise
      forget()
    },
    close: async () => {
      for (const client of clients) await client.disconnect()
      const { groups } = await admin.listGroups()
      if (groups.some((group) => group.groupId === groupId)) await admin.deleteGroups([groupId])
      await admin.deleteTopics({ topics })
      await admin.disconnect()
    },
  }
}
