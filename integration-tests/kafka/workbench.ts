import { context, propagation, ROOT_CONTEXT, trace } from '@opentelemetry/api'
import { traceConsumer, traceProducer, type ConsumerOptions, type ProducerOptions } from '@waybill/kafka'
import type { RecordedSpan } from '@waybill/core/testing'
import type { Consumer, Producer } from 'kafkajs'
import { afterAll, afterEach, beforeAll, beforeEach, expect, inject, vi } from 'vitest'
import { installSdk, type TestTelemetry } from '../telemetry.ts'
import { kafkajs, type ClientLibrary } from './clients.ts'
import { kafkaScratch, type KafkaScratch } from './scratch.ts'

const broker = inject('brokers').kafka
/** Without a broker there is nothing to test on. */
export const brokerMissing = 'missing' in broker
export const brokerUrl = 'url' in broker ? broker.url : ''

/** An SDK and a scratch for each test, traced clients on it, and what the tests ask of the spans. */
export interface Workbench {
  readonly telemetry: TestTelemetry
  readonly scratch: KafkaScratch
  readonly producer: (options?: ProducerOptions, config?: { transactionalId: string }) => Promise<Producer>
  readonly consumer: (
    options?: ConsumerOptions,
    config?: { autoCommit?: boolean; groupId?: string },
  ) => Promise<Consumer>
  /** Ended spans of that name so far. */
  readonly named: (name: string) => RecordedSpan[]
  /** Waits for exactly so many. */
  readonly spans: (name: string, count: number) => Promise<RecordedSpan[]>
}

/** Sets one up before each test of a suite; afterwards every span that was started must have ended. */
export function workbench(library: ClientLibrary = kafkajs): Workbench {
  let telemetry: TestTelemetry
  let scratch: KafkaScratch
  beforeAll(async () => {
    scratch = await kafkaScratch(brokerUrl, library)
  })
  afterAll(() => scratch.close())
  beforeEach(() => {
    telemetry = installSdk()
  })
  afterEach(async () => {
    await scratch.release()
    await telemetry.finish()
  })
  const named = (name: string): RecordedSpan[] =>
    telemetry.recorder.spans.filter((span) => span.name === name)
  return {
    get telemetry() {
      return telemetry
    },
    get scratch() {
      return scratch
    },
    producer: (options, config) => scratch.producer((made) => traceProducer(made, options), config),
    // Waits on loopback may be shorter than the least that gets a span by default.
    consumer: (options, config) =>
      scratch.consumer((made) => traceConsumer(made, { transitSpan: { minMs: 0 }, ...options }), config),
    named,
    spans: (name, count) =>
      vi.waitFor(
        () => {
          expect(named(name)).toHaveLength(count)
          return named(name)
        },
        { timeout: 10_000, interval: 5 },
      ),
  }
}

export const idOf = (span: RecordedSpan | undefined): string | undefined => span?.spanContext().spanId
export const parentOf = (span: RecordedSpan | undefined): string | undefined =>
  span?.parentSpanContext?.spanId
export const linksOf = (span: RecordedSpan | undefined): string[] | undefined =>
  span?.links.map((link) => link.context.spanId)
export const seconds = ([s, ns]: readonly [number, number] = [Number.NaN, 0]): number => s + ns / 1e9

/** Runs `fn` with baggage `tenant`, and nothing else, active. */
export function withTenant<T>(tenant: string, fn: () => T): T {
  const baggage = propagation.createBaggage({ tenant: { value: tenant } })
  return context.with(propagation.setBaggage(ROOT_CONTEXT, baggage), fn)
}

/** What a handler sees around it. */
export function seenHere(): { tenant: string | undefined; spanId: string | undefined } {
  return {
    tenant: propagation.getActiveBaggage()?.getEntry('tenant')?.value,
    spanId: trace.getSpanContext(context.active())?.spanId,
  }
}

/** Runs `fn` in a span of the application, and gives that too. */
export async function inRequest<T>(
  fn: () => Promise<T>,
): Promise<{ spanId: string; traceId: string; result: T }> {
  return trace.getTracer('application').startActiveSpan('request', async (span) => {
    try {
      return { ...span.spanContext(), result: await fn() }
    } finally {
      span.end()
    }
  })
}
