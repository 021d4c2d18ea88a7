// RabbitMQ's own attributes in semantic conventions 1.45.0; what all systems share is in core.
/** Routing key of the message as it was published. */
export const ATTR_ROUTING_KEY = 'rabbitmq.destination.routing_key'
/** Delivery tag of the message on its channel (int). */
export const ATTR_DELIVERY_TAG = 'rabbitmq.message.delivery_tag'
