// The attributes that the rules read. Several generations of names are in use at once: first present wins.
import {
  ATTR_BATCH_COUNT,
  ATTR_CONSUMER_GROUP,
  ATTR_CONVERSATION_ID,
  ATTR_DELIVERY_ATTEMPT,
  ATTR_DESTINATION_NAME,
  ATTR_DESTINATION_TEMPLATE,
  ATTR_LINKS_OMITTED,
  ATTR_MESSAGE_ID,
  ATTR_OPERATION_NAME,
  ATTR_OPERATION_TYPE,
  ATTR_PARTITION_ID,
  ATTR_ROOT_REASON,
  ATTR_SCHEDULED_DELAY,
  ATTR_SYSTEM,
  ATTR_SYSTEM_NAME,
  ATTR_TRANSIT_TIME,
  ATTR_TRANSIT_UNKNOWN,
} from '@waybill/core/adapter'

export const SYSTEM: readonly string[] = [ATTR_SYSTEM_NAME, ATTR_SYSTEM]
export const DESTINATION: readonly string[] = [
  ATTR_DESTINATION_NAME,
  'messaging.destination',
  'bullmq.queue.name',
]
export const TEMPLATE: string = ATTR_DESTINATION_TEMPLATE
export const ROUTING_KEY: readonly string[] = [
  'messaging.rabbitmq.routing_key',
  'messaging.rabbitmq.destination.routing_key',
  'rabbitmq.destination.routing_key',
]
export const OPERATION: readonly string[] = [ATTR_OPERATION_TYPE, 'messaging.operation']
export const OPERATION_NAME: string = ATTR_OPERATION_NAME
export const SENTRY_OP = 'sentry.op'
export const MESSAGE: readonly string[] = [ATTR_MESSAGE_ID, 'messaging.message_id', 'bullmq.job.id']
export const MESSAGES = 'bullmq.job.ids'
export const PARTITION: readonly string[] = [
  ATTR_PARTITION_ID,
  'messaging.kafka.destination.partition',
  'messaging.kafka.partition',
]
export const OFFSET: readonly string[] = [
  'kafka.offset',
  'messaging.kafka.offset',
  'messaging.kafka.message.offset',
]
export const BATCH_COUNT: string = ATTR_BATCH_COUNT
export const GROUP: readonly string[] = [ATTR_CONSUMER_GROUP, 'messaging.kafka.consumer.group']
/** Seconds, then milliseconds by the aliases of other tools. */
export const TRANSIT_KNOWN: readonly string[] = [
  ATTR_TRANSIT_TIME,
  'messaging.message.receive.latency',
  'kafka.record.queue_time_ms',
  'rabbitmq.record.queue_time_ms',
]
export const TRANSIT_UNKNOWN: string = ATTR_TRANSIT_UNKNOWN
export const SCHEDULED_DELAY: string = ATTR_SCHEDULED_DELAY
export const ATTEMPT: string = ATTR_DELIVERY_ATTEMPT
export const RETRY_COUNT = 'messaging.message.retry.count'
export const ATTEMPTS_MADE = 'bullmq.job.attempts.made'
export const ROOT_REASON: string = ATTR_ROOT_REASON
export const LINKS_OMITTED: string = ATTR_LINKS_OMITTED
/** dd-trace names the client library instead of a system. */
export const COMPONENT = 'component'
export const SCHEDULER = 'bullmq.job.scheduler.id'
export const GEN_AI_OPERATION = 'gen_ai.operation.name'
export const TOOL_NAME: readonly string[] = ['gen_ai.tool.name', 'tool.name', 'traceloop.entity.name']
export const MCP_METHOD = 'mcp.method.name'
export const REQUEST_ID: readonly string[] = [
  'jsonrpc.request.id',
  'rpc.jsonrpc.request_id',
  'mcp.request.id',
]
export const MCP_RESULT_TYPE = 'mcp.result.type'
export const OPENINFERENCE_KIND = 'openinference.span.kind'
export const TRACELOOP_KIND = 'traceloop.span.kind'
export const CONVERSATION: readonly string[] = ['gen_ai.conversation.id', 'session.id']
export const HTTP_METHOD: readonly string[] = ['http.request.method', 'http.method']

const KEPT = new Set<string>([
  ...[SYSTEM, DESTINATION, ROUTING_KEY, OPERATION, MESSAGE, PARTITION, OFFSET, GROUP, TRANSIT_KNOWN].flat(),
  ...[TOOL_NAME, REQUEST_ID, CONVERSATION, HTTP_METHOD].flat(),
  TEMPLATE,
  OPERATION_NAME,
  SENTRY_OP,
  MESSAGES,
  BATCH_COUNT,
  TRANSIT_UNKNOWN,
  SCHEDULED_DELAY,
  ATTEMPT,
  RETRY_COUNT,
  ATTEMPTS_MADE,
  ROOT_REASON,
  LINKS_OMITTED,
  SCHEDULER,
  COMPONENT,
  GEN_AI_OPERATION,
  MCP_METHOD,
  MCP_RESULT_TYPE,
  OPENINFERENCE_KIND,
  TRACELOOP_KIND,
  ATTR_CONVERSATION_ID,
])

export function isKept(key: string): boolean {
  return KEPT.has(key)
}

const IDENTIFIERS = new Set<string>([...MESSAGE, ...OFFSET, ...REQUEST_ID])

/** Its values are different for nearly every span. */
export function isIdentifier(key: string): boolean {
  return IDENTIFIERS.has(key)
}
