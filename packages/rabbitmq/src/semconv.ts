// RabbitMQ's own attributes in semantic conventions 1.45.0; what all systems share is in core.
/** Routing key of the message as it was published. */
export const ATTR_ROUTING_KEY = 'rabbitmq.destination.routing_key'
/** Delivery tag of the message on its channel (int). */
export const ATTR_DELIVERY_TAG = 'rabbitmq.message.delivery_tag'

// Ours; the conventions have no name for these.
/** Offset of the message in its stream (int). */
export const ATTR_STREAM_OFFSET = 'rabbitmq.stream.offset'
/** How often the message was dead-lettered, as its `x-death` says (int). */
export const ATTR_DEATH_COUNT = 'rabbitmq.message.deaths'
export const ATTR_FIRST_DEATH_QUEUE = 'rabbitmq.message.first_death.queue'
/** `rejected`, `expired`, `maxlen` or `delivery_limit`; so for the last one. */
export const ATTR_FIRST_DEATH_REASON = 'rabbitmq.message.first_death.reason'
export const ATTR_LAST_DEATH_QUEUE = 'rabbitmq.message.last_death.queue'
export const ATTR_LAST_DEATH_REASON = 'rabbitmq.message.last_death.reason'
/** True where `waybill.delivery.attempt` is the least that it can be. */
export const ATTR_ATTEMPT_LOWER_BOUND = 'waybill.delivery.attempt.lower_bound'
