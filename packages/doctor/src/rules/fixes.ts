// The fix in the words of the adapter: what to write where, for each system.
import type { Hop, Side } from './finding.ts'

interface Words {
  producer(destination: string): string
  consumer(destination: string): string
  readonly stale: string
}

const BULLMQ: Words = {
  producer: (queue) => `new Queue('${queue}', { telemetry: bullmqTelemetry() }), on a FlowProducer too`,
  consumer: (queue) =>
    `new Worker('${queue}', …, { telemetry: bullmqTelemetry() }); in a sandboxed file export default traceProcessor(…)`,
  stale: 'extract on ROOT_CONTEXT: bullmqTelemetry() does so, or make the Worker outside of any span',
}
const RABBITMQ: Words = {
  producer: () => 'traceProducer(channel); with amqp-connection-manager inside its setup function',
  consumer: () => 'traceConsumer(channel) before consume(), or traceHandler(); also for get()',
  stale:
    'the connection was opened inside a span: traceConsumer(channel) extracts on ROOT_CONTEXT, or connect outside of any span',
}
const KAFKA: Words = {
  producer: () => 'traceProducer(kafka.producer()), transactions too',
  consumer: () => 'traceConsumer(kafka.consumer(…)); in eachBatch run each message with runMessage()',
  stale:
    'run() was called inside a span: traceConsumer(consumer) extracts on ROOT_CONTEXT, or call run() outside of any span',
}
const REDIS: Words = {
  producer: () => 'traceProducer(redis) where XADD is called; pipelines and call() need an explicit inject',
  consumer: (stream) => `traceHandler(handle, { stream: '${stream}', group }) for each entry`,
  stale: 'the read loop was started inside a span: start it under ROOT_CONTEXT, outside of any span',
}
const ANY: Words = {
  producer: (destination) => `inject the active context into the headers of every message for ${destination}`,
  consumer: (destination) =>
    `extract the context from the headers of every message of ${destination}, on ROOT_CONTEXT`,
  stale: 'the callback runs in a captured context: start the loop under ROOT_CONTEXT',
}

const WORDS: Readonly<Record<string, Words>> = {
  bullmq: BULLMQ,
  rabbitmq: RABBITMQ,
  kafka: KAFKA,
  redis: REDIS,
}

function wordsFor({ system }: Hop): Words {
  return WORDS[system ?? ''] ?? ANY
}

/** What to do about a hop that lost its context. */
export function fixOfLoss(hop: Hop, side: Side): string {
  const words = wordsFor(hop)
  const destination = hop.destination ?? ''
  const producer = `${words.producer(destination)} in ${hop.producer ?? 'the producer'}`
  const consumer = `${words.consumer(destination)} in ${hop.consumer ?? 'the consumer'}`
  if (side === 'producer') return producer
  if (side === 'consumer') return consumer
  return `${producer}; and ${consumer}. waybill-doctor peek tells which: it shows whether waiting messages carry context`
}

export function fixOfStale(hop: Hop): string {
  return `${wordsFor(hop).stale} (${hop.consumer ?? 'the consumer'})`
}

export function fixOfProducer(hop: Hop): string {
  return `${wordsFor(hop).producer(hop.destination ?? '')} in whatever sends to ${hop.destination ?? 'it'}; the consumer is fine`
}

export function fixOfConsumer(hop: Hop): string {
  return `${wordsFor(hop).consumer(hop.destination ?? '')} in whatever reads ${hop.destination ?? 'it'}; the producer is fine`
}
