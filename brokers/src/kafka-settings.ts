export interface KafkaAddresses {
  /** `host:port` each. */
  readonly listen: string
  readonly advertise: string
  readonly controller: string
  readonly dataFolder: string
}

/** One KRaft node that is broker and controller, small and quick to start. */
export function kafkaSettings({
  listen,
  advertise,
  controller,
  dataFolder,
}: KafkaAddresses): Record<string, string> {
  return {
    'process.roles': 'broker,controller',
    'node.id': '1',
    'controller.quorum.voters': `1@${controller}`,
    listeners: `PLAINTEXT://${listen},CONTROLLER://${controller}`,
    'advertised.listeners': `PLAINTEXT://${advertise}`,
    'listener.security.protocol.map': 'CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT',
    'controller.listener.names': 'CONTROLLER',
    'inter.broker.listener.name': 'PLAINTEXT',
    'log.dirs': dataFolder,
    'num.partitions': '1',
    'auto.create.topics.enable': 'true',
    'group.initial.rebalance.delay.ms': '0',
    // Internal topics: one node cannot hold the default three replicas.
    'offsets.topic.num.partitions': '1',
    'offsets.topic.replication.factor': '1',
    'transaction.state.log.num.partitions': '1',
    'transaction.state.log.replication.factor': '1',
    'transaction.state.log.min.isr': '1',
    'share.coordinator.state.topic.num.partitions': '1',
    'share.coordinator.state.topic.replication.factor': '1',
    'share.coordinator.state.topic.min.isr': '1',
    // The default of 128 MB does not fit in a small heap.
    'log.cleaner.dedupe.buffer.size': '2097152',
    'num.network.threads': '1',
    'num.io.threads': '2',
    'background.threads': '1',
    'log.retention.check.interval.ms': '3600000',
  }
}
