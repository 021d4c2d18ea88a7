// Sends one message with the real packages of a vendor at work, and tells in which trace that was.
// usage: produce.mjs <sentry | datadog | appsignal> <bullmq | rabbitmq | kafka | redis> <url> <destination>
import { createRequire } from 'node:module'
import process from 'node:process'

const [vendor, broker, url, destination] = process.argv.slice(2)
const require = createRequire(import.meta.url)
const inTrace = await vendors()[vendor]()
const traceId = await inTrace(() => senders()[broker]())
process.stdout.write(`\n${JSON.stringify({ traceId })}\n`)
process.exit(0)

function vendors() {
  return {
    async sentry() {
      const Sentry = await import('@sentry/node')
      const transport = () => ({ send: async () => ({}), flush: async () => true })
      Sentry.init({ dsn: 'https://key@127.0.0.1/1', tracesSampleRate: 1, transport })
      telemetry = () => new Sentry.BullMQTelemetry()
      return (work) =>
        Sentry.startSpan({ name: 'POST /ask' }, async (span) => {
          await work()
          return span.spanContext().traceId
        })
    },
    async datadog() {
      // Nothing listens there: nothing leaves this machine.
      const tracer = require('dd-trace').init({ url: 'http://127.0.0.1:9', startupLogs: false })
      return (work) =>
        tracer.trace('POST /ask', async (span) => {
          await work()
          return span.context().toTraceId(true)
        })
    },
    async appsignal() {
      const { context, propagation, trace } = require('@opentelemetry/api')
      const { AsyncLocalStorageContextManager } = require('@opentelemetry/context-async-hooks')
      const { W3CTraceContextPropagator } = require('@opentelemetry/core')
      const { TracerProvider } = require('@opentelemetry/sdk-trace')
      context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable())
      propagation.setGlobalPropagator(new W3CTraceContextPropagator())
      const provider = new TracerProvider()
      trace.setGlobalTracerProvider(provider)
      const { BullMQInstrumentation } = require('@appsignal/opentelemetry-instrumentation-bullmq')
      new BullMQInstrumentation().setTracerProvider(provider)
      return (work) =>
        trace.getTracer('app').startActiveSpan('POST /ask', async (span) => {
          await work()
          span.end()
          return span.spanContext().traceId
        })
    },
  }
}

var telemetry

function senders() {
  return {
    async bullmq() {
      // AppSignal's instrumentation knows the major before.
      const { Queue } = vendor === 'appsignal' ? require('bullmq-5') : require('bullmq')
      const queue = new Queue(destination, {
        connection: { url },
        ...(telemetry && { telemetry: telemetry() }),
      })
      await queue.add('job', {})
      await queue.close()
    },
    async rabbitmq() {
      const connection = await require('amqplib').connect(url)
      const channel = await connection.createConfirmChannel()
      channel.sendToQueue(destination, Buffer.from('hello'), { headers: { baggage: 'tenant=acme' } })
      await channel.waitForConfirms()
      await connection.close()
    },
    async kafka() {
      const { Kafka, logLevel } = require('kafkajs')
      const producer = new Kafka({ brokers: url.split(','), logLevel: logLevel.NOTHING }).producer()
      await producer.connect()
      const headers = { baggage: 'tenant=acme' }
      await producer.send({ topic: destination, messages: [{ value: 'hello', headers }] })
      await producer.disconnect()
    },
    async redis() {
      const { Redis } = require('ioredis')
      const redis = new Redis(url)
      await redis.xadd(destination, '*', 'question', 'why?')
      redis.disconnect()
    },
  }
}
