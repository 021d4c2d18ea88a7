import { context, propagation, ROOT_CONTEXT, trace as traceApi, type Context } from '@opentelemetry/api'
import type { TelemetryOptions } from '@waybill/core'
import type { RecordedSpan } from '@waybill/core/testing'
import { traceConsumer, traceProducer } from '@waybill/rabbitmq'
import type { ConfirmChannel, ConsumeMessage, Options } from 'amqplib'
import { afterEach, beforeEach, expect, inject, vi } from 'vitest'
import { rabbitmqScratch, type RabbitmqScratch } from './scratch.ts'
import { installSdk, type TestTelemetry } from '../telemetry.ts'

const broker = inject('brokers').rabbitmq
export const isMissing = 'missing' in broker
/** To be used only where the broker is there. */
export const url = 'url' in broker ? broker.url : ''

const WAIT = { timeout: 10_000, interval: 5 }
const EVERY_WAIT: TelemetryOptions = { transitSpan: { minMs: 0 } }

/** What a test has to work with: a new SDK and new queues each. */
export interface Stage {
  readonly telemetry: TestTelemetry
  readonly scratch: RabbitmqScratch
  /** Another SDK instead of the one at hand. */
  restart(options: Parameters<typeof installSdk>[0]): Promise<void>
  /** A new connection of the test's own, after the broker was away. */
  reconnect(): Promise<void>
  /** A confirm channel that is traced on both sides; every wait gets a span. */
  traced(options?: TelemetryOptions): Promise<ConfirmChannel>
  /** The same with a net above the client: a handler that rejects ends there, and not the process. */
  caught(options?: TelemetryOptions): Promise<ConfirmChannel>
  named(name: string): RecordedSpan[]
  /** The spans of that name, as soon as there are that many. */
  spans(name: string, count?: number): Promise<RecordedSpan[]>
  /** Publishes with the broker's confirm. */
  put(channel: ConfirmChannel, queue: string, body?: string, headers?: object): Promise<void>
  /** Consumes `count` messages without settling any, and keeps what more comes. */
  inFlight(channel: ConfirmChannel, queue: string, count: number): Promise<ConsumeMessage[]>
}

/** Sets the stage for each test of a file. Afterwards no span may be open, and as many have ended as have started. */
export function stage(brokerUrl = url): Stage {
  let telemetry: TestTelemetry
  let scratch: RabbitmqScratch
  beforeEach(async () => {
    scratch = await rabbitmqScratch(brokerUrl)
    telemetry = installSdk()
  })
  afterEach(async () => {
    await scratch.close()
    await telemetry.finish()
  })
  const trace = (channel: ConfirmChannel, options?: TelemetryOptions): ConfirmChannel => {
    const all = { ...EVERY_WAIT, ...options }
    return traceConsumer(traceProducer(channel, all), all)
  }
  const named = (name: string): RecordedSpan[] =>
    telemetry.recorder.spans.filter((span) => span.name === name)
  return {
    get telemetry() {
      return telemetry
    },
    get scratch() {
      return scratch
    },
    async restart(options) {
      await telemetry.uninstall()
      telemetry = installSdk(options)
    },
    async reconnect() {
      scratch = await rabbitmqScratch(brokerUrl)
    },
    traced: async (options) => trace(await scratch.channel(), options),
    caught: async (options) => trace(scratch.caught(await scratch.channel()), options),
    named,
    spans: (name, count = 1) =>
      until(() => {
        expect(named(name)).toHaveLength(count)
        return named(name)
      }),
    put: (channel, queue, body = 'a', headers = {}) => scratch.put(channel, queue, body, headers),
    async inFlight(channel, queue, count) {
      for (let i = 0; i < count; i++) channel.sendToQueue(queue, body())
      const messages: ConsumeMessage[] = []
      await channel.consume(queue, (message) => void (message && messages.push(message)))
      await until(() => {
        expect(messages.length).toBeGreaterThanOrEqual(count)
      })
      return messages
    },
  }
}

/** Settles as soon as the expectations of `check` hold. */
export function until<T>(check: () => T | Promise<T>): Promise<T> {
  return vi.waitFor(check, WAIT)
}

/** Settles with the arguments of the next such event. */
export function event(
  emitter: { once(name: string, listener: (...args: unknown[]) => void): unknown },
  name: string,
): Promise<unknown[]> {
  return new Promise((resolve) => {
    emitter.once(name, (...args) => {
      resolve(args)
    })
  })
}

export const quorum: Options.AssertQueue = { arguments: { 'x-queue-type': 'quorum' } }
export const stream: Options.AssertQueue = { arguments: { 'x-queue-type': 'stream' } }
export const body = (text = 'a'): Buffer => Buffer.from(text)
export const attribute = (name: string, spans: readonly RecordedSpan[]): unknown[] =>
  spans.map((span) => span.attributes[name])
export const outcomes = (spans: readonly RecordedSpan[]): unknown[] =>
  attribute('waybill.delivery.outcome', spans)
export const attempts = (spans: readonly RecordedSpan[]): unknown[] =>
  attribute('waybill.delivery.attempt', spans)
export const idOf = (span: RecordedSpan | undefined): string | undefined => span?.spanContext().spanId
export const parentOf = (span: RecordedSpan | undefined): string | undefined =>
  span?.parentSpanContext?.spanId
export const linksOf = (span: RecordedSpan | undefined): unknown[] =>
  span?.links.map((link) => link.context.spanId) ?? []
export const traceIds = (spans: readonly RecordedSpan[]): Set<string> =>
  new Set(spans.map((span) => span.spanContext().traceId))
export const seconds = ([whole, nanos]: readonly [number, number]): number => whole + nanos / 1e9
export const lengthOf = (span: RecordedSpan): number => seconds(span.endTime) - seconds(span.startTime)

/** Runs `fn` with this baggage, as the application would have it. */
export function withTenant<T>(tenant: string, fn: () => T): T {
  return context.with(propagation.setBaggage(ROOT_CONTEXT, baggageOf({ tenant })), fn)
}
export const baggageOf = (members: Record<string, string>): ReturnType<typeof propagation.createBaggage> =>
  propagation.createBaggage(
    Object.fromEntries(Object.entries(members).map(([key, value]) => [key, { value }])),
  )
export const tenant = (): string | undefined => propagation.getActiveBaggage()?.getEntry('tenant')?.value

/** Runs `fn` in a span of the application's, which ends when it settles. */
export async function inSpan<T>(
  name: string,
  fn: () => T,
  base: Context = ROOT_CONTEXT,
): Promise<Awaited<T>> {
  const span = traceApi.getTracer('test').startSpan(name, {}, base)
  try {
    return await context.with(traceApi.setSpan(base, span), fn)
  } finally {
    span.end()
  }
}
