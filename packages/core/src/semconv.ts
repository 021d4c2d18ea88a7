/**
 * The attribute and metric names that Waybill emits, as our own constants: importing the incubating entry point of
 * `@opentelemetry/semantic-conventions` would tie every user to one version of names that are still in development.
 *
 * Source: OpenTelemetry semantic conventions 1.45.0 (messaging, error, server) and Waybill's own `waybill.*` names.
 */
export const SCHEMA_URL = 'https://opentelemetry.io/schemas/1.45.0'

export const ATTR_SYSTEM_NAME = 'messaging.system.name'
/** The name before 1.45.0; set as well unless `compat: false`, since today's backends key on it. */
export const ATTR_SYSTEM = 'messaging.system'
export const ATTR_OPERATION_NAME = 'messaging.operation.name'
export const ATTR_OPERATION_TYPE = 'messaging.operation.type'
export const ATTR_DESTINATION_NAME = 'messaging.destination.name'
export const ATTR_DESTINATION_TEMPLATE = 'messaging.destination.template'
export const ATTR_DESTINATION_TEMPORARY = 'messaging.destination.temporary'
export const ATTR_DESTINATION_ANONYMOUS = 'messaging.destination.anonymous'
export const ATTR_PARTITION_ID = 'messaging.destination.partition.id'
export const ATTR_MESSAGE_ID = 'messaging.message.id'
export const ATTR_CONVERSATION_ID = 'messaging.message.conversation_id'
export const ATTR_BATCH_COUNT = 'messaging.batch.message_count'
export const ATTR_CONSUMER_GROUP = 'messaging.consumer.group.name'
export const ATTR_CLIENT_ID = 'messaging.client.id'
export const ATTR_ERROR_TYPE = 'error.type'
export const ATTR_SERVER_ADDRESS = 'server.address'
export const ATTR_SERVER_PORT = 'server.port'

/** Seconds (double) that the message waited in the queue. */
export const ATTR_TRANSIT_TIME = 'waybill.transit.time'
/** Whose clock gave the start of the wait: `producer` or `broker`. */
export const ATTR_TRANSIT_CLOCK = 'waybill.transit.clock'
/**
 * Seconds (double) by which the wait may be too long, where its start is told more coarsely than in ms. On points of the
 * histogram too, so that exact waits have a series of their own.
 */
export const ATTR_TRANSIT_RESOLUTION = 'waybill.transit.resolution'
/** Why no wait is given: see `UnknownReason`. */
export const ATTR_TRANSIT_UNKNOWN = 'waybill.transit.unknown'
/** Seconds (double) from the call of the send until the client wrote the message; buffers and retries of the client. */
export const ATTR_CLIENT_WAIT = 'waybill.transit.client_wait'
/** Seconds (double) from then, or from the broker's storing it, until this process had the message. */
export const ATTR_BROKER_WAIT = 'waybill.transit.broker_wait'
/** Seconds (double) from then until the handler: prefetched messages, and the other messages of a batch. */
export const ATTR_LOCAL_WAIT = 'waybill.transit.local_wait'
/** Seconds (double) of delay that the application asked for; not part of the wait. */
export const ATTR_SCHEDULED_DELAY = 'waybill.transit.scheduled_delay'
/** Seconds (double) since the message was sent, given where the wait is unknown or began later. */
export const ATTR_MESSAGE_AGE = 'waybill.message.age'
/** Number of this delivery of the message, from 1 (int). */
export const ATTR_DELIVERY_ATTEMPT = 'waybill.delivery.attempt'
/** How the message was settled: see `Outcome`. */
export const ATTR_DELIVERY_OUTCOME = 'waybill.delivery.outcome'
/** Why a Process span starts a new trace: see `RootReason`. */
export const ATTR_ROOT_REASON = 'waybill.root.reason'
/** Number of links (int) that a batch span had to leave out. */
export const ATTR_LINKS_OMITTED = 'waybill.links.omitted'

/** The wait in milliseconds (double), as Sentry reads it; only with the option `aliases`. */
export const ATTR_RECEIVE_LATENCY = 'messaging.message.receive.latency'
/** Deliveries before this one (int), as Sentry reads it; only with the option `aliases`. */
export const ATTR_RETRY_COUNT = 'messaging.message.retry.count'

/** Why members of baggage were left out: see `DropReason`. */
export const ATTR_BAGGAGE_DROP_REASON = 'waybill.baggage.drop_reason'

export const METRIC_SENT_MESSAGES = 'messaging.client.sent.messages'
export const METRIC_CONSUMED_MESSAGES = 'messaging.client.consumed.messages'
export const METRIC_OPERATION_DURATION = 'messaging.client.operation.duration'
export const METRIC_PROCESS_DURATION = 'messaging.process.duration'
export const METRIC_TRANSIT_DURATION = 'waybill.transit.duration'
export const METRIC_JOURNEY_DURATION = 'waybill.journey.duration'
export const METRIC_CLOCK_SKEW = 'waybill.transit.clock_skew'
/** Messages (gauge) that a consumer's group has still before it in one place, as its client or broker tells. */
export const METRIC_CONSUMER_LAG = 'waybill.consumer.lag'
export const METRIC_BAGGAGE_DROPPED = 'waybill.baggage.dropped'
