import { execFile } from 'node:child_process'
import path from 'node:path'
import { promisify } from 'node:util'
import { ROOT_CONTEXT, context, trace } from '@opentelemetry/api'
import { traceConsumer as traceKafkaConsumer, traceProducer as traceKafkaProducer } from '@waybill/kafka'
import { traceConsumer, traceProducer } from '@waybill/rabbitmq'
import { afterEach, beforeEach, describe, expect, inject, test, vi } from 'vitest'
import { kafkaScratch } from '../kafka/scratch.ts'
import { rabbitmqScratch } from '../rabbitmq/scratch.ts'
import { installSdk, type TestTelemetry } from '../telemetry.ts'
import { pythonWithPeers } from './python.ts'

const peers = await pythonWithPeers()
const { rabbitmq, kafka } = inject('brokers')
const reason = 'missing' in peers ? ` (skipped: ${peers.missing})` : ''

describe.skipIf('missing' in peers || 'missing' in rabbitmq || 'missing' in kafka)(`Python${reason}`, () => {
  let telemetry: TestTelemetry
  let close: (() => Promise<unknown>) | undefined
  beforeEach(() => {
    telemetry = installSdk()
  })
  afterEach(async () => {
    await close?.()
    expect(telemetry.recorder.open).toEqual([])
    await telemetry.uninstall()
  })
  const amqpUrl = 'url' in rabbitmq ? rabbitmq.url : ''
  const kafkaUrl = 'url' in kafka ? kafka.url : ''

  /** The id of the trace that the peer has sent in, or got a message of. */
  async function peer(client: string, role: 'send' | 'get', url: string, to: string): Promise<string> {
    const python = 'python' in peers ? peers.python : ''
    const file = path.join(import.meta.dirname, 'child/peer.py')
    const { stdout } = await promisify(execFile)(python, [file, client, role, url, to], { timeout: 20_000 })
    return (JSON.parse(stdout.trim().split('\n').at(-1) ?? '') as { traceId: string }).traceId
  }
  const inTrace = async (run: () => Promise<unknown>): Promise<string> => {
    const span = trace.getTracer('test').startSpan('request', {}, ROOT_CONTEXT)
    await context.with(trace.setSpan(ROOT_CONTEXT, span), run)
    span.end()
    return span.spanContext().traceId
  }
  async function handled(operation: string): Promise<string | undefined> {
    const find = () => telemetry.recorder.spans.find(({ name }) => name.startsWith(`${operation} `))
    await vi.waitFor(() => expect(find()).toBeDefined(), { timeout: 8000, interval: 10 })
    expect(find()?.parentSpanContext?.isRemote).toBe(true)
    return find()?.spanContext().traceId
  }

  test.each(['kombu', 'aio-pika'])(
    'agents-38: %s and we, both ways over RabbitMQ: one trace',
    async (client) => {
      const scratch = await rabbitmqScratch(amqpUrl)
      close = scratch.close
      const queue = await scratch.queue()
      const producer = traceProducer(await scratch.channel())
      const ours = await inTrace(() => scratch.put(producer, queue, '"hello"'))
      expect(await peer(client, 'get', amqpUrl, queue)).toBe(ours)
      const channel = traceConsumer(await scratch.channel())
      await scratch.consume(channel, queue, (message) => {
        channel.ack(message)
      })
      const theirs = await peer(client, 'send', amqpUrl, queue)
      expect(await handled('consume')).toBe(theirs)
    },
  )

  test('agents-38: kafka-python and we, both ways: one trace', async () => {
    const scratch = await kafkaScratch(kafkaUrl)
    close = scratch.close
    const [to, from] = [await scratch.topic(), await scratch.topic()]
    const producer = await scratch.producer((p) => traceKafkaProducer(p))
    const ours = await inTrace(() => producer.send({ topic: to, messages: [{ value: 'hello' }] }))
    expect(await peer('kafka-python', 'get', kafkaUrl, to)).toBe(ours)
    const theirs = await peer('kafka-python', 'send', kafkaUrl, from)
    const consumer = await scratch.consumer((c) => traceKafkaConsumer(c))
    await scratch.run(consumer, from, async () => undefined)
    expect(await handled('process')).toBe(theirs)
  })
})
