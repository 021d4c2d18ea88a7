import { Kafka, logLevel } from 'kafkajs'

/** The retry settings are given, since kafkajs' own wait up to 30 s between attempts. */
export function kafkaClient(agent: string, brokers: string): Kafka {
  return new Kafka({
    clientId: agent,
    brokers: brokers.split(','),
    logLevel: logLevel.NOTHING,
    retry: { initialRetryTime: 100, maxRetryTime: 1_000, retries: 8 },
  })
}
