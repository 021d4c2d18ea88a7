// An application whose OpenTelemetry is set up in the way that the first argument names. It handles two messages of each
// of three brokers, and writes down what `diag` said, what was handled and which spans there are.
import { createRequire, registerHooks } from 'node:module'

const [setup, line = '3', ours = '3'] = process.argv.slice(2)
const folder = (sdkLine) => new URL(`../../otel-sdk-${sdkLine}/package.json`, import.meta.url).href
// The packages of this workspace get API 1.10 by themselves; the application gets that of its SDK's folder: two real copies,
// as when npm nests one. Older ones for our packages come by a hook.
if (ours === '2')
  registerHooks({
    resolve: (specifier, context, next) =>
      specifier === '@opentelemetry/api' && context.parentURL?.includes('/packages/')
        ? next(specifier, { ...context, parentURL: folder(ours) })
        : next(specifier, context),
  })

const { context, diag, DiagLogLevel, propagation, trace } = createRequire(folder(line))('@opentelemetry/api')
const { sdk } = await import(`../../otel-sdk-${line}/sdk.ts`)
const { W3CBaggagePropagator } = createRequire(folder(line))('@opentelemetry/core')
const { spanRecorder } = await import('@waybill/core/testing')

const warnings = []
const keep = (...parts) => void warnings.push(parts.join(' '))
diag.setLogger({ error: keep, warn: keep, info: keep, debug: keep, verbose: keep }, DiagLogLevel.WARN)
const recorder = spanRecorder()
if (setup !== 'no SDK') {
  trace.setGlobalTracerProvider(sdk.tracerProvider(recorder, true))
  if (setup !== 'no context manager') context.setGlobalContextManager(sdk.contextManager().enable())
  if (setup === 'baggage only') propagation.setGlobalPropagator(new W3CBaggagePropagator())
  else if (setup !== 'no propagator') propagation.setGlobalPropagator(sdk.propagator())
}

const kafka = await import('@waybill/kafka')
const rabbitmq = await import('@waybill/rabbitmq')
const redis = await import('@waybill/redis-streams')
let handled = 0
const handle = () => void handled++
const traceparent = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01'
const now = String(Date.now())
for (let i = 0; i < 2; i++) {
  const message = { offset: '0', timestamp: now, key: null, value: null, headers: { traceparent } }
  kafka.traceHandler(handle)({ topic: 'bills', partition: 0, message })
  rabbitmq.traceHandler(handle, { queue: 'bills' })({
    content: Buffer.from(''),
    fields: { exchange: '', routingKey: 'bills', deliveryTag: 1, redelivered: false, consumerTag: 'c1' },
    properties: { headers: { traceparent } },
  })
  redis.traceHandler(handle, { stream: 'bills' })([`${now}-0`, ['traceparent', traceparent]])
}
const spans = recorder.spans.map(({ name }) => name).filter((name) => !name.startsWith('transit'))
console.log(JSON.stringify({ warnings, handled, spans: spans.length, open: recorder.open.length }))
