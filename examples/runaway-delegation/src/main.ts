// Two agents that hand a draft to each other for ever, and the guard that stops them. Needs AMQP_URL.
import { randomUUID } from 'node:crypto'
import process from 'node:process'
import { context, propagation, trace } from '@opentelemetry/api'
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks'
import { CompositePropagator, W3CBaggagePropagator, W3CTraceContextPropagator } from '@opentelemetry/core'
import { TracerProvider } from '@opentelemetry/sdk-trace'
import { DelegationDepthError, withAgentSpan } from '@waybill/agent'
import { spanRecorder, traceTree } from '@waybill/core/testing'
import { traceConsumer, traceProducer } from '@waybill/rabbitmq'
import { connect } from 'amqplib'

const spans = spanRecorder()
trace.setGlobalTracerProvider(new TracerProvider({ spanProcessors: [spans] }))
context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable())
propagation.setGlobalPropagator(
  new CompositePropagator({ propagators: [new W3CTraceContextPropagator(), new W3CBaggagePropagator()] }),
)

/** Each is sure that the other can do better. */
const agents = [
  { name: 'writer', next: 'critic' },
  { name: 'critic', next: 'writer' },
]
const run = randomUUID()
const queueOf = (agent: string): string => `${agent}-${run}`
const connection = await connect(process.env['AMQP_URL'] ?? 'amqp://localhost')
const channel = traceConsumer(traceProducer(await connection.createConfirmChannel()))
const stopped = Promise.withResolvers<DelegationDepthError>()

for (const { name, next } of agents) {
  await channel.assertQueue(queueOf(name))
  await channel.consume(queueOf(name), (message) => {
    if (message === null) return
    try {
      withAgentSpan({ name, role: 'specialist', maxDepth: 4 }, () => {
        channel.sendToQueue(queueOf(next), message.content)
      })
    } catch (error) {
      if (!(error instanceof DelegationDepthError)) throw error
      // Trying again would end here again: the message goes, and whoever asked is told.
      stopped.resolve(error)
    }
    channel.ack(message)
  })
}

withAgentSpan({ name: 'editor', role: 'orchestrator' }, () => {
  channel.sendToQueue(queueOf('writer'), Buffer.from('a draft'))
})
const { message } = await stopped.promise
for (const { name } of agents) await channel.deleteQueue(queueOf(name))
await connection.close()

const agentsAndErrors = { attributes: ['app.agent.delegation.depth', 'app.agent.caller', 'error.type'] }
console.log(traceTree(spans.spans, agentsAndErrors).replaceAll(`-${run}`, ''))
console.log(`stopped: ${message}`)
