import { SpanStatusCode } from '@opentelemetry/api'
import { bullmqTelemetry, type BullmqOptions, type BullmqTelemetry } from '@waybill/bullmq'
import type { RecordedSpan } from '@waybill/core/testing'
import type { Processor } from 'bullmq'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, inject, vi } from 'vitest'
import { installSdk, type TestTelemetry } from '../telemetry.ts'
import { ioredisBackend, nodeRedisBackend, postgresBackend, type Backend } from './backends.ts'
import { bullmqScratch, type BullmqScratch } from './scratch.ts'

const broker = inject('brokers').redis
export const redisUrl = 'url' in broker ? broker.url : ''

const backends: Record<Backend['name'], () => Backend | Promise<Backend>> = {
  ioredis: () => ioredisBackend(redisUrl),
  'node-redis': () => nodeRedisBackend(redisUrl),
  postgres: postgresBackend,
}
export const everyBackend = Object.keys(backends) as Backend['name'][]

/** What a test works with: an SDK and a queue of its own; both are checked and removed after it. */
export interface Suite {
  readonly backend: Backend
  readonly telemetry: TestTelemetry
  readonly scratch: BullmqScratch
  ours(options?: BullmqOptions): BullmqTelemetry
  /** Ended spans of an operation, in the order in which they began. */
  spans(operation: string): RecordedSpan[]
  /** Settles with the process spans once there are so many and none is open. */
  processed(count: number): Promise<RecordedSpan[]>
  /** Number of points in the transit histogram. */
  points(): Promise<number>
  /** Takes the SDK away and installs another, for what happens without one in between. */
  reinstall(options?: { readonly sampled?: boolean }): Promise<void>
  without<T>(run: () => Promise<T>): Promise<T>
}

export const nothing: Processor = async () => undefined
export const ms = ([seconds, nanos]: readonly [number, number]): number => seconds * 1000 + nanos / 1e6
export const parentOf = (span: RecordedSpan | undefined): string | undefined =>
  span?.parentSpanContext?.spanId
export const idOf = (span: RecordedSpan | undefined): string | undefined => span?.spanContext().spanId
export const traceOf = (span: RecordedSpan | undefined): string | undefined => span?.spanContext().traceId
export const linksOf = (span: RecordedSpan | undefined): string[] =>
  (span?.links ?? []).map(({ context }) => context.spanId)
export const valuesOf = (spans: readonly RecordedSpan[], attribute: string): unknown[] =>
  spans.map(({ attributes }) => attributes[attribute])
export const failed = (span: RecordedSpan | undefined): boolean => span?.status.code === SpanStatusCode.ERROR
export const pause = (milliseconds: number): Promise<void> =>
  new Promise((resolve) => setTimeout(resolve, milliseconds))

/** Tests that run on each of these backends, one after another. */
export function onBackends(names: readonly Backend['name'][], define: (suite: Suite) => void): void {
  describe.skipIf('missing' in broker).each(names)('on %s', (name) => {
    let backend: Backend
    let telemetry: TestTelemetry
    let scratch: BullmqScratch
    beforeAll(async () => {
      backend = await backends[name]()
    })
    afterAll(() => backend?.close())
    beforeEach(() => {
      telemetry = installSdk()
      scratch = bullmqScratch(backend)
    })
    afterEach(async () => {
      await scratch.close()
      await telemetry.finish()
    })

    const spans = (operation: string): RecordedSpan[] =>
      telemetry.recorder.spans
        .filter((span) => span.name === operation || span.name.startsWith(`${operation} `))
        .toSorted((a, b) => ms(a.startTime) - ms(b.startTime))
    define({
      get backend() {
        return backend
      },
      get telemetry() {
        return telemetry
      },
      get scratch() {
        return scratch
      },
      ours: (options) => bullmqTelemetry({ transitSpan: { minMs: 0 }, ...options }),
      spans,
      processed: (count) =>
        vi.waitFor(
          () => {
            expect(spans('process').length).toBeGreaterThanOrEqual(count)
            expect(telemetry.recorder.open).toEqual([])
            return spans('process')
          },
          { timeout: 7000, interval: 5 },
        ),
      async points() {
        const series = await telemetry.series('waybill.transit.duration')
        return series.reduce((sum, { value }) => sum + (value as { count: number }).count, 0)
      },
      async reinstall(options) {
        await telemetry.uninstall()
        telemetry = installSdk(options)
      },
      async without(run) {
        await telemetry.uninstall()
        const result = await run()
        telemetry = installSdk()
        return result
      },
    })
  })
}
