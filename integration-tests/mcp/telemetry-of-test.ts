import { context, propagation, ROOT_CONTEXT, trace } from '@opentelemetry/api'
import type { RecordedSpan } from '@waybill/core/testing'
import { afterEach, beforeEach, expect } from 'vitest'
import { installSdk, type TestTelemetry } from '../telemetry.ts'

/** The SDK of one test after another, each of which ends every span that it starts and gives no warning. */
export function telemetryOfTest(options?: Parameters<typeof installSdk>[0]) {
  let telemetry: TestTelemetry
  beforeEach(() => {
    telemetry = installSdk(options)
  })
  afterEach(async () => {
    await telemetry.finish()
    expect(telemetry.warnings).toEqual([])
  })
  return {
    get telemetry() {
      return telemetry
    },
    get spans(): readonly RecordedSpan[] {
      return telemetry.recorder.spans
    },
    named: (name: string): RecordedSpan[] => telemetry.recorder.spans.filter((span) => span.name === name),
    /** The warnings so far, which a test then answers for. */
    takeWarnings: () => (telemetry.warnings as string[]).splice(0),
    reset: () => telemetry.recorder.reset(),
  }
}

/** Runs in a root span, with a session id as baggage. */
export function inSpan<T>(name: string, run: () => Promise<T>): Promise<T> {
  const baggage = propagation.createBaggage({ 'session.id': { value: 's-42' }, 'user.id': { value: 'u-7' } })
  return context.with(propagation.setBaggage(ROOT_CONTEXT, baggage), () =>
    trace.getTracer('test').startActiveSpan(name, async (span) => {
      try {
        return await run()
      } finally {
        span.end()
      }
    }),
  )
}

export function sessionId(): string | undefined {
  return propagation.getActiveBaggage()?.getEntry('session.id')?.value
}

export function mark(name: string): void {
  trace.getTracer('test').startSpan(name).end()
}

/** The spans of the trace that has a span of that name. */
export function traceOf(spans: readonly RecordedSpan[], name: string): RecordedSpan[] {
  const traceId = spans.find((span) => span.name === name)?.spanContext().traceId
  return spans.filter((span) => span.spanContext().traceId === traceId)
}

export function rootsOf(spans: readonly RecordedSpan[]): string[] {
  const ids = new Set(spans.map((span) => span.spanContext().spanId))
  return spans
    .filter(({ parentSpanContext: p }) => p === undefined || !ids.has(p.spanId))
    .map(({ name }) => name)
}
