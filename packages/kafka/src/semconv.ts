// Kafka's own attributes in semantic conventions 1.45.0; what all systems share is in core.
/** Offset of the record in its partition (int). */
export const ATTR_KAFKA_OFFSET = 'kafka.offset'
/** Set to true where the record's value is `null`. */
export const ATTR_KAFKA_TOMBSTONE = 'kafka.message.tombstone'
