export interface KafkaAddresses {
  /** `host:port` each. */
  readonly listen: string
  readonly advertise: string
  readonly controller: string
  readonly dataFolder: string
  /** Where it is one of several; default: it is alone. */
  readonly cluster?: KafkaCluster
}

export interface KafkaCluster {
  /** This one's number, from 1. */
  readonly id: number
  /** `host:port` of every node's controller, in the order of their numbers. */
  readonly controllers: readonly string[]
}

/** A KRaft node that is broker and controller, small and quick to start; alone or one of several. */
export function kafkaSettings({
  listen,
  advertise,
  controller,
  dataFolder,
  cluster = { id: 1, controllers: [controller] },
}: KafkaAddresses): Record<string, string> {
  const nodes = cluster.controllers.length
  // Internal topics: one node cannot hold the default three replicas.
  const [replicas, inSync] = [String(nodes), String(Math.ceil(nodes / 2))]
  return {
    'process.roles': 'broker,controller',
    'node.id': String(cluster.id),
    'controller.quorum.voters': cluster.controllers.map((at, i) => `${i + 1}@${at}`).join(','),
    listeners: `PLAINTEXT://${listen},CONTROLLER://${controller}`,
    'advertised.listeners': `PLAINTEXT://${advertise}`,
    'listener.security.protocol.map': 'CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT',
    'controller.listener.names': 'CONTROLLER',
    'inter.broker.listener.name': 'PLAINTEXT',
    'log.dirs': dataFolder,
    'num.partitions': '1',
    'auto.create.topics.enable': 'true',
    'group.initial.rebalance.delay.ms': '0',
    'offsets.topic.num.partitions': '1',
    'offsets.topic.replication.factor': replicas,
    'transaction.state.log.num.partitions': '1',
    'transaction.state.log.replication.factor': replicas,
    'transaction.state.log.min.isr': inSync,
    'share.coordinator.state.topic.num.partitions': '1',
    'share.coordinator.state.topic.replication.factor': replicas,
    'share.coordinator.state.topic.min.isr': inSync,
    // The default of 128 MB does not fit in a small heap.
    'log.cleaner.dedupe.buffer.size': '2097152',
    'num.network.threads': '1',
    'num.io.threads': '2',
    'background.threads': '1',
    'log.retention.check.interval.ms': '3600000',
    // A node that is gone is missed after 2 s, not after 9.
    'broker.session.timeout.ms': '2000',
    'broker.heartbeat.interval.ms': '500',
  }
}
