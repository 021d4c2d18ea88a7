import { randomUUID } from 'node:crypto'
import {
  Kafka,
  type Admin,
  type Consumer,
  type ConsumerRunConfig,
  type EachMessageHandler,
  type KafkaConfig,
  type Producer,
} from 'kafkajs'
import { configOf, kafkajs, type ClientLibrary } from './clients.ts'

/** Clients, topics and a group on a shared broker that `close` takes away again. */
export interface KafkaScratch {
  readonly config: KafkaConfig
  /** Another one after each `release`. */
  readonly groupId: string
  readonly admin: Admin
  /** kafkajs, for clients with settings of their own. */
  readonly kafka: Kafka
  /** Makes a topic; `LogAppendTime` has the broker stamp the records by its own clock. */
  readonly topic: (timestampType?: 'CreateTime' | 'LogAppendTime', partitions?: number) => Promise<string>
  readonly producer: (
    trace?: (producer: Producer) => Producer,
    config?: { transactionalId: string },
  ) => Promise<Producer>
  readonly consumer: (
    trace?: (consumer: Consumer) => Consumer,
    config?: { autoCommit?: boolean; groupId?: string },
  ) => Promise<Consumer>
  /** Connects a client, and has `close` disconnect it. */
  readonly connected: <C extends Producer | Consumer>(client: C) => Promise<C>
  /** Subscribes and runs from the first record; settles when the group is joined. A function is for `eachMessage`. */
  readonly run: (
    consumer: Consumer,
    topic: string,
    run: EachMessageHandler | ConsumerRunConfig,
  ) => Promise<void>
  /** Disconnects the clients; topics and groups stay until `close`, which is slow. */
  readonly release: () => Promise<void>
  readonly close: () => Promise<void>
}

/** @param library whose producers and consumers; topics are made by kafkajs in any case */
export async function kafkaScratch(url: string, library: ClientLibrary = kafkajs): Promise<KafkaScratch> {
  const config = configOf(url)
  const kafka = new Kafka(config)
  const admin = kafka.admin()
  let groupId = `group-${randomUUID()}`
  const [clients, topics, groups]: [{ disconnect: () => Promise<void> }[], string[], Set<string>] = [
    [],
    [],
    new Set([groupId]),
  ]
  await admin.connect()

  async function connected<C extends Producer | Consumer>(client: C): Promise<C> {
    clients.unshift(client)
    await client.connect()
    return client
  }
  async function release(): Promise<void> {
    await Promise.all(clients.splice(0).map((client) => client.disconnect()))
    groupId = `group-${randomUUID()}`
    groups.add(groupId)
  }
  return {
    config,
    connected,
    get groupId() {
      return groupId
    },
    admin,
    kafka,
    topic: async (timestampType = 'CreateTime', numPartitions = 1) => {
      const topic = `topic-${randomUUID()}`
      topics.push(topic)
      const configEntries = [{ name: 'message.timestamp.type', value: timestampType }]
      await admin.createTopics({ topics: [{ topic, numPartitions, configEntries }], waitForLeaders: true })
      return topic
    },
    producer: (trace = (producer) => producer, config) => connected(trace(library.producer(url, config))),
    consumer: (trace = (consumer) => consumer, config = {}) => {
      groups.add(config.groupId ?? groupId)
      return connected(trace(library.consumer(url, { groupId, ...config })))
    },
    run: async (consumer, topic, run) => {
      await consumer.subscribe({ topic, ...(library === kafkajs && { fromBeginning: true }) })
      const joined = library.joining(consumer)
      await consumer.run(typeof run === 'function' ? { eachMessage: run } : run)
      await joined
    },
    release,
    close: async () => {
      await release()
      const there = (await admin.listGroups()).groups.map((group) => group.groupId)
      const ours = there.filter((id) => groups.has(id))
      if (ours.length > 0) await admin.deleteGroups(ours)
      await admin.deleteTopics({ topics })
      await admin.disconnect()
    },
  }
}
