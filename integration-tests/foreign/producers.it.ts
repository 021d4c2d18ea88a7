import { execFile } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import path from 'node:path'
import { promisify } from 'node:util'
import { propagation } from '@opentelemetry/api'
import { bullmqTelemetry, type BullmqOptions } from '@waybill/bullmq'
import { traceConsumer as traceKafka, type KafkaOptions } from '@waybill/kafka'
import { traceConsumer as traceRabbitmq } from '@waybill/rabbitmq'
import { traceHandler } from '@waybill/redis-streams'
import type { TelemetryOptions } from '@waybill/core'
import type { RecordedSpan } from '@waybill/core/testing'
import { afterEach, beforeEach, describe, expect, inject, test, vi } from 'vitest'
import { bullmqScratch } from '../bullmq/scratch.ts'
import { kafkaScratch } from '../kafka/scratch.ts'
import { rabbitmqScratch } from '../rabbitmq/scratch.ts'
import { installSdk, type TestTelemetry } from '../telemetry.ts'

type Vendor = 'sentry' | 'datadog' | 'appsignal'
type Broker = 'bullmq' | 'rabbitmq' | 'kafka' | 'redis'
const brokers = inject('brokers')
const urlOf = (name: 'redis' | 'rabbitmq' | 'kafka'): string => {
  const broker = brokers[name]
  return 'url' in broker ? broker.url : ''
}
const isMissing = (['redis', 'rabbitmq', 'kafka'] as const).some((name) => urlOf(name) === '')

/** What was seen of one message that a vendor's library has sent. */
interface Seen {
  /** Of the trace that it was sent in. */
  readonly sent: string
  readonly process: RecordedSpan
  /** Names in the baggage that the handler ran with. */
  readonly baggage: readonly string[]
}

describe.skipIf(isMissing)('sent by an application that another vendor traces', () => {
  let telemetry: TestTelemetry
  let baggage: string[] = []
  let close: (() => Promise<unknown>) | undefined
  beforeEach(() => {
    telemetry = installSdk()
    baggage = []
  })
  afterEach(async () => {
    await close?.()
    close = undefined
    expect(telemetry.recorder.open).toEqual([])
    await telemetry.uninstall()
  })
  const handle = async (): Promise<void> => {
    baggage = (propagation.getActiveBaggage()?.getAllEntries() ?? []).map(([key]) => key)
  }

  /** The vendor's packages in a process of their own: they patch whatever it loads. */
  async function produce(vendor: Vendor, broker: Broker, url: string, destination: string): Promise<string> {
    const file = path.join(import.meta.dirname, 'child/produce.mjs')
    const { stdout } = await promisify(execFile)(
      process.execPath,
      ['--no-warnings', file, vendor, broker, url, destination],
      { env: { ...process.env, ...QUIET }, timeout: 20_000 },
    )
    return (JSON.parse(stdout.trim().split('\n').at(-1) ?? '') as { traceId: string }).traceId
  }
  async function seen(sent: string, span: string): Promise<Seen> {
    const find = () => telemetry.recorder.spans.find(({ name }) => name.startsWith(`${span} `))
    await vi.waitFor(() => expect(find()).toBeDefined(), { timeout: 8000, interval: 10 })
    return { sent, process: find()!, baggage }
  }
  const ways: Record<Broker, (vendor: Vendor, options: TelemetryOptions) => Promise<Seen>> = {
    async bullmq(vendor, options) {
      const scratch = bullmqScratch(urlOf('redis'))
      close = scratch.close
      const sent = await produce(vendor, 'bullmq', urlOf('redis'), scratch.name)
      const worker = await scratch.worker(handle, bullmqTelemetry(options as BullmqOptions))
      const found = await seen(sent, 'process')
      await worker.close()
      return found
    },
    async rabbitmq(vendor, options) {
      const scratch = await rabbitmqScratch(urlOf('rabbitmq'))
      close = scratch.close
      const queue = await scratch.queue()
      const channel = traceRabbitmq(await scratch.channel(), options)
      await scratch.consume(channel, queue, async (message) => {
        await handle()
        channel.ack(message)
      })
      return seen(await produce(vendor, 'rabbitmq', urlOf('rabbitmq'), queue), 'consume')
    },
    async kafka(vendor, options) {
      const scratch = await kafkaScratch(urlOf('kafka'))
      close = scratch.close
      const topic = await scratch.topic()
      const sent = await produce(vendor, 'kafka', urlOf('kafka'), topic)
      const consumer = await scratch.consumer((c) => traceKafka(c, options as KafkaOptions))
      await scratch.run(consumer, topic, handle)
      return seen(sent, 'process')
    },
    async redis(vendor, options) {
      const scratch = bullmqScratch(urlOf('redis'))
      const stream = `foreign-${randomUUID()}`
      close = async () => {
        await scratch.redis.del(stream)
        await scratch.close()
      }
      const sent = await produce(vendor, 'redis', urlOf('redis'), stream)
      const [entry] = await scratch.redis.xrange(stream, '-', '+')
      await traceHandler(handle, { stream, group: 'workers', ...options })(entry!)
      return seen(sent, 'process')
    },
  }
  const reasonOf = ({ process: span }: Seen): unknown => span.attributes['waybill.root.reason']
  const traceOf = ({ process: span }: Seen): string => span.spanContext().traceId

  // Sentry overwrites the header baggage on its way out, so what the application wrote there never leaves.
  test.each<[string, Vendor, Broker, string[]]>([
    ['dd-trace', 'datadog', 'bullmq', []],
    ['dd-trace', 'datadog', 'rabbitmq', ['tenant']],
    ['dd-trace', 'datadog', 'kafka', ['tenant']],
    ['Sentry', 'sentry', 'bullmq', []],
    ['Sentry', 'sentry', 'rabbitmq', ['sentry-trace_id']],
    ['Sentry', 'sentry', 'kafka', ['sentry-trace_id']],
    ['AppSignal', 'appsignal', 'bullmq', []],
  ])('agents-36: %s on the producer side: %s, %s: its trace is continued', async (...given) => {
    const [, vendor, broker, names] = given
    const found = await ways[broker](vendor, {})
    expect(reasonOf(found)).toBeUndefined()
    expect(traceOf(found)).toBe(found.sent)
    expect(found.process.parentSpanContext?.isRemote).toBe(true)
    expect(found.baggage).toEqual(expect.arrayContaining(names))
  })

  test.each<[string, Vendor]>([
    ['dd-trace', 'datadog'],
    ['Sentry', 'sentry'],
  ])(
    'agents-36: %s writes nothing into an entry of a Redis stream: a new trace says so',
    async (_, vendor) => {
      const found = await ways.redis(vendor, {})
      expect([reasonOf(found), traceOf(found) === found.sent]).toEqual(['no_carrier', false])
    },
  )

  test.each<[Vendor, Broker]>([
    ['datadog', 'bullmq'],
    ['sentry', 'bullmq'],
    ['sentry', 'rabbitmq'],
    ['appsignal', 'bullmq'],
  ])('agents-36: %s on %s, switched off: a new trace', async (vendor, broker) => {
    const found = await ways[broker](vendor, { foreignCarriers: [] })
    expect(reasonOf(found)).toBe('no_carrier')
    expect(traceOf(found)).not.toBe(found.sent)
  })
})

/** Nothing of theirs is to look for a network. */
const QUIET = {
  DD_INSTRUMENTATION_TELEMETRY_ENABLED: 'false',
  DD_REMOTE_CONFIGURATION_ENABLED: 'false',
  DD_CRASHTRACKING_ENABLED: 'false',
}
