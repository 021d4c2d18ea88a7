import { createRequire } from 'node:module'
import { trace } from '@opentelemetry/api'
import { AmqplibInstrumentation } from '@opentelemetry/instrumentation-amqplib'
import { traceConsumer, traceProducer } from '@waybill/rabbitmq'
import type { GetMessage } from 'amqplib'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { body, event, idOf, isMissing, outcomes, parentOf, stage, tenant, url, withTenant } from './stage.ts'

describe.skipIf(isMissing)("beside OpenTelemetry's own instrumentation", () => {
  const on = stage()
  let instrumentation: AmqplibInstrumentation
  let amqplib: typeof import('amqplib')
  beforeEach(() => {
    // It patches what is required after it.
    const require = createRequire(import.meta.url)
    const folder = require.resolve('amqplib').replace(/channel_api\.js$/, '')
    for (const file of Object.keys(require.cache)) if (file.startsWith(folder)) delete require.cache[file]
    instrumentation = new AmqplibInstrumentation()
    amqplib = require('amqplib') as typeof import('amqplib')
  })
  afterEach(() => {
    instrumentation.disable()
  })

  test('rabbitmq-25: one span a side, the header ours, the callback in the context of its caller, warned once', async () => {
    const connection = await amqplib.connect(url)
    const channel = await connection.createConfirmChannel()
    expect(channel).toHaveProperty('publish.__wrapped', true)
    traceConsumer(traceProducer(channel))
    expect(on.telemetry.warnings).toEqual([
      expect.stringContaining("'@opentelemetry/instrumentation-amqplib': { enabled: false }"),
    ])
    const queue = await on.scratch.queue()
    let header: unknown
    await channel.consume(queue, (message) => {
      header = message?.properties.headers?.['traceparent']
      channel.ack(message!)
    })
    const seen = await new Promise((resolve) => {
      withTenant('acme', () =>
        channel.sendToQueue(queue, body(), {}, () => {
          resolve([tenant(), trace.getActiveSpan()])
        }),
      )
    })
    expect(seen).toEqual(['acme', undefined])
    const [sent] = await on.spans(`publish ${queue}`)
    const [consumed] = await on.spans(`consume ${queue}`)
    expect(parentOf(consumed)).toBe(idOf(sent))
    expect(header).toContain(idOf(sent))
    const scopes = on.telemetry.recorder.spans.map((span) => span.instrumentationScope.name)
    expect(new Set(scopes)).toEqual(new Set(['@waybill/rabbitmq']))
    await connection.close()
  })

  test('rabbitmq-25: what ends in another way: nack, a lost channel, a message without acks, frozen options', async () => {
    const connection = await amqplib.connect(url)
    const channel = traceConsumer(traceProducer(await connection.createConfirmChannel()))
    channel.on('error', () => undefined)
    const queue = await on.scratch.queue({ maxLength: 1, arguments: { 'x-overflow': 'reject-publish' } })
    channel.sendToQueue(queue, body(), Object.freeze({ headers: Object.freeze({}) }))
    await channel.waitForConfirms()
    channel.sendToQueue(queue, body())
    await channel.waitForConfirms().catch(() => undefined)
    const message = (await channel.get(queue)) as GetMessage
    channel.nack(message)
    await channel.consume(queue, () => undefined, { noAck: true })
    const closed = event(channel, 'close')
    channel.publish('no-such-exchange', '', body())
    await closed
    expect(outcomes(await on.spans(`consume ${queue}`))).toEqual([undefined])
    const errors = on.telemetry.recorder.spans.map((span) => span.attributes['error.type'])
    expect(errors.filter((type) => type !== undefined)).toEqual(['nack', '404'])
    const scopes = on.telemetry.recorder.spans.map((span) => span.instrumentationScope.name)
    expect(new Set(scopes)).toEqual(new Set(['@waybill/rabbitmq']))
    await connection.close()
  })
})
