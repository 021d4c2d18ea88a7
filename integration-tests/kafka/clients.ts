import { createRequire } from 'node:module'
import type { KafkaJS } from '@confluentinc/kafka-javascript'
import { Kafka, logLevel, type Consumer, type KafkaConfig, type Producer } from 'kafkajs'

/** A client with the API of kafkajs, as the tests make its producers and consumers. */
export interface ClientLibrary {
  readonly name: string
  /** Why it cannot be tested here. */
  readonly missing?: string
  readonly producer: (url: string, config?: { transactionalId?: string }) => Producer
  readonly consumer: (url: string, config: { groupId: string; autoCommit?: boolean }) => Consumer
  /** Resolves when the consumer that is run next has joined its group. */
  readonly joining: (consumer: Consumer) => Promise<unknown>
}

/** kafkajs takes other defaults for retries where NODE_ENV is 'test'. */
export function configOf(url: string): KafkaConfig {
  return {
    brokers: url.split(','),
    logLevel: logLevel.NOTHING,
    retry: { initialRetryTime: 20, retries: 8 },
  }
}

export const kafkajs: ClientLibrary = {
  name: 'kafkajs',
  producer: (url, config) => new Kafka(configOf(url)).producer(config),
  consumer: (url, { groupId }) => new Kafka(configOf(url)).consumer({ groupId, maxWaitTimeInMs: 50 }),
  joining: (consumer) =>
    new Promise((resolve) => {
      const forget = consumer.on('consumer.group_join', (event) => {
        forget()
        resolve(event)
      })
    }),
}

export const confluent: ClientLibrary = confluentClient()

/** Its native part may not be there: see scripts/prepare. Loaded late, since it throws then. */
function confluentClient(): ClientLibrary {
  const load = (): typeof KafkaJS =>
    (createRequire(import.meta.url)('@confluentinc/kafka-javascript') as { KafkaJS: typeof KafkaJS }).KafkaJS
  const clientOf = (url: string): KafkaJS.Kafka => {
    const { Kafka: Confluent, logLevel: level } = load()
    return new Confluent({
      kafkaJS: { brokers: url.split(','), logLevel: level.NOTHING },
      'client.id': 'confluent',
    })
  }
  let missing: string | undefined
  try {
    load()
  } catch (error) {
    missing = (error as Error).message.split('\n')[0]
    console.log(`– @confluentinc/kafka-javascript cannot be loaded, its tests are skipped: ${missing}`)
  }
  return {
    name: 'confluent',
    ...(missing !== undefined && { missing }),
    producer: (url, config = {}) =>
      clientOf(url).producer({ kafkaJS: config, 'linger.ms': 0 }) as unknown as Producer,
    consumer: (url, config) =>
      clientOf(url).consumer({
        kafkaJS: { fromBeginning: true, ...config },
        'fetch.wait.max.ms': 50,
      }) as unknown as Consumer,
    joining: async (consumer) => {
      const { assignment } = consumer as unknown as { assignment: () => unknown[] }
      while (assignment.call(consumer).length === 0) await new Promise((resolve) => setTimeout(resolve, 10))
    },
  }
}

/** For `describe.each`: the libraries that can be tested here. */
export const libraries: readonly ClientLibrary[] = [kafkajs, confluent].filter(
  ({ missing }) => missing === undefined,
)
