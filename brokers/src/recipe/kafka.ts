import { greetKafka } from '../handshake/kafka.ts'
import { type KafkaCluster, kafkaSettings } from '../kafka-settings.ts'
import { CLUSTER_ID, nativeKafka, nativeKafkaNode } from '../native/kafka.ts'
import type { Recipe } from './recipe.ts'

export const kafka: Recipe = {
  name: 'kafka',
  variable: 'KAFKA_BROKERS',
  greet: greetKafka,
  container: {
    image: 'apache/kafka:4.3.0',
    // No port: clients connect to the address that the broker advertises, so inside and outside must be the same.
    environment: (host, port) =>
      asEnvironment(
        kafkaSettings({
          listen: `0.0.0.0:${port}`,
          advertise: `${host}:${port}`,
          controller: `127.0.0.1:${port === 29093 ? 29094 : 29093}`,
          dataFolder: '/tmp/kafka-data',
        }),
      ),
    url: (host, port) => `${host}:${port}`,
  },
  native: nativeKafka,
}

/** One node of several, which talk to each other under the addresses that clients use. */
export function kafkaNode(address: string, cluster: KafkaCluster): Recipe {
  const controller = cluster.controllers[cluster.id - 1] as string
  const settings = { listen: address, advertise: address, controller, dataFolder: '/tmp/kafka-data', cluster }
  return {
    ...kafka,
    container: {
      image: kafka.container.image,
      onHostNetwork: true,
      environment: () => ({ ...asEnvironment(kafkaSettings(settings)), CLUSTER_ID }),
      url: () => address,
    },
    native: () => nativeKafkaNode(address, controller, cluster),
  }
}

/** The image turns `KAFKA_PROCESS_ROLES` into `process.roles`. */
function asEnvironment(settings: Record<string, string>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(settings).map(([key, value]) => [
      `KAFKA_${key.toUpperCase().replaceAll('.', '_')}`,
      value,
    ]),
  )
}
