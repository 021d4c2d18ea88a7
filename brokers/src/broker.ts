/** The brokers that everything runs on. */
export const brokerNames = ['redis', 'rabbitmq', 'kafka'] as const
/**
 * Besides, for the tests of one adapter: `redis-8.6` has `XREADGROUP … CLAIM` (8.4) and `XADD … IDMP`, `redis-cluster` is
 * three masters; `rabbitmq-3.10` is the oldest that is claimed to work, `rabbitmq-4.3` counts deliveries in another way and has
 * delayed retries.
 */
export type BrokerName =
  | (typeof brokerNames)[number]
  | 'redis-8.6'
  | 'redis-cluster'
  | 'rabbitmq-3.10'
  | 'rabbitmq-4.3'

/** How a broker came to be: named by an environment variable, run as a container, or as a child process. */
export type Origin = 'url' | 'container' | 'native'

export interface Broker {
  readonly name: BrokerName
  /** A URL for Redis (`redis://…`) and RabbitMQ (`amqp://…`), a `host:port` list for Kafka; for a cluster one URL a node, with commas. */
  readonly url: string
  /** What the broker itself answered in its protocol, never what we believe to have started. */
  readonly version: string
  readonly how: Origin
  /** Stops the broker and starts it again, with its data and at the same address; absent for one given by URL. */
  readonly restart?: () => Promise<void>
  /** Ends the broker and removes what belonged to it; does nothing to a broker given by URL. Idempotent. */
  readonly stop: () => Promise<void>
}

export interface MissingBroker {
  readonly name: BrokerName
  /** Why there is none, and what to do about it. */
  readonly reason: string
}
