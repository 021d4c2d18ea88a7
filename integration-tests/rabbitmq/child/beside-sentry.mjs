// An application with Sentry and its integration for amqplib, as Sentry's documentation sets it up. It sends one message
// over a channel that is traced by us, too, and writes down what there is of it on either side.
import { context, diag, DiagLogLevel, propagation, trace } from '@opentelemetry/api'
import { spanRecorder } from '@waybill/core/testing'
import * as Sentry from '@sentry/node'
import { sdk } from '../../otel-sdk-3/sdk.ts'

const [mode] = process.argv.slice(2)
const warnings = []
const keep = (...parts) => void warnings.push(parts.join(' '))
const ignore = () => undefined
diag.setLogger({ error: keep, warn: keep, info: ignore, debug: ignore, verbose: ignore }, DiagLogLevel.WARN)

// What Sentry would send, instead of a network.
const envelopes = []
const take = async ({ body }) => {
  envelopes.push(String(body))
  return { statusCode: 200 }
}
Sentry.init({
  dsn: 'http://public@127.0.0.1:9/1',
  tracesSampleRate: 1,
  transport: (options) => Sentry.createTransport(options, take),
  // In this mode all spans of OpenTelemetry go to Sentry, ours as well.
  enableOpenTelemetrySetup: mode !== 'apart',
  ...(mode === 'left out' && { integrations: (all) => all.filter(({ name }) => name !== 'Amqplib') }),
})
const recorder = spanRecorder()
if (mode === 'apart') {
  context.setGlobalContextManager(sdk.contextManager().enable())
  propagation.setGlobalPropagator(sdk.propagator())
  trace.setGlobalTracerProvider(sdk.tracerProvider(recorder, true))
}

const { connect } = await import('amqplib')
const { traceConnection } = await import('@waybill/rabbitmq')
const connection = traceConnection(await connect(process.env.AMQP_URL))
const channel = await connection.createConfirmChannel()
const { queue } = await channel.assertQueue('', { exclusive: true })
const seen = Promise.withResolvers()
await channel.consume(queue, (message) => {
  const tenant = propagation.getActiveBaggage()?.getEntry('tenant')?.value
  channel.ack(message)
  seen.resolve({ headers: message.properties.headers, tenant })
})
const baggage = propagation.createBaggage({ tenant: { value: 'acme' } })
context.with(propagation.setBaggage(context.active(), baggage), () => {
  channel.sendToQueue(queue, Buffer.from('a'))
})
await channel.waitForConfirms()
const { headers, tenant } = await seen.promise
await connection.close()
await Sentry.close(2000)

const ofSentry = envelopes.flatMap((envelope) =>
  envelope
    .split('\n')
    .map((line) => JSON.parse(line))
    .flatMap(({ items = [] }) => items)
    .filter(({ span_id: id }) => id !== undefined)
    .map(({ name, trace_id: traceId, span_id: spanId, parent_span_id: parent, attributes }) => ({
      name,
      traceId,
      spanId,
      parent,
      kind: attributes['sentry.kind']?.value ?? attributes['otel.kind']?.value,
      origin: attributes['sentry.origin']?.value,
    })),
)
const ofOurs = recorder.spans.map((span) => ({
  name: span.name.split(' ')[0],
  kind: span.kind,
  spanId: span.spanContext().spanId,
  parent: span.parentSpanContext?.spanId,
  scope: span.instrumentationScope.name,
}))
console.log(JSON.stringify({ warnings, headers, tenant, ofSentry, ofOurs, open: recorder.open.length }))
