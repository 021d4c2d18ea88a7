// Kafka's own attributes in semantic conventions 1.45.0; what all systems share is in core.
/** Offset of the record in its partition (int). */
export const ATTR_KAFKA_OFFSET = 'kafka.offset'
/** Set to true where the record's value is `null`. */
export const ATTR_KAFKA_TOMBSTONE = 'kafka.message.tombstone'
/** The record's key, as far as it was asked for. */
export const ATTR_KAFKA_KEY = 'kafka.message.key'
export const ATTR_KAFKA_CLUSTER = 'kafka.cluster.id'

/** Names of the events of a client, and what they say: ours, since the conventions have none. */
export const EVENT_COMMIT = 'kafka.commit'
export const EVENT_REBALANCE = 'kafka.rebalance'
export const EVENT_CRASH = 'kafka.crash'
export const EVENT_TRANSACTION_COMMIT = 'kafka.transaction.commit'
export const EVENT_TRANSACTION_ABORT = 'kafka.transaction.abort'
/** `topic[partition]@offset` of all that was committed: the next offset to read. */
export const ATTR_COMMITTED = 'waybill.kafka.committed'
/** `topic[partition]` of all that was assigned to this member. */
export const ATTR_ASSIGNED = 'waybill.kafka.assigned'
/** Whether the client starts anew by itself. */
export const ATTR_RESTARTS = 'waybill.kafka.restarts'

/**
 * `op` of the `waybill` field where a record's CreateTime is no time at which the client wrote it: the application gave it,
 * or the client took it before it had to wait. Such a record does not say how long its client held it.
 */
export const OP_STAMPED = 'stamped'
