import { context, propagation, ROOT_CONTEXT, trace } from '@opentelemetry/api'
import { afterEach, beforeEach, describe, expect, inject, test, vi } from 'vitest'
import { installSdk, type TestTelemetry } from '../telemetry.ts'
import { consumers, type Started } from './consumers.ts'

const brokers = inject('brokers')

/** What was active in the handler of a message. */
interface Seen {
  readonly body: string
  readonly traceId: string | undefined
  readonly spanId: string | undefined
  readonly baggage: string[]
}

describe('a consumer that is started, with its connections, inside a span', () => {
  let telemetry: TestTelemetry
  let started: Started | undefined
  const seen: Seen[] = []
  beforeEach(() => {
    telemetry = installSdk()
    seen.length = 0
  })
  afterEach(async () => {
    await started?.close()
    started = undefined
    expect(telemetry.recorder.open).toEqual([])
    await telemetry.uninstall()
  })

  const handle = async (body: string): Promise<void> => {
    trace.getTracer('test').startSpan(`work on ${body}`).end()
    const active = trace.getSpanContext(context.active())
    const baggage = propagation.getActiveBaggage()?.getAllEntries() ?? []
    seen.push({
      body,
      traceId: active?.traceId,
      spanId: active?.spanId,
      baggage: baggage.map(([key]) => key),
    })
  }
  /** In a span with a member of baggage of the same name. */
  const inSpan = async <T>(name: string, run: () => Promise<T>): Promise<T> => {
    const span = trace.getTracer('test').startSpan(name, {}, ROOT_CONTEXT)
    const baggage = propagation.createBaggage({ [name]: { value: 'yes' } })
    const active = propagation.setBaggage(trace.setSpan(ROOT_CONTEXT, span), baggage)
    return context.with(active, run).finally(() => {
      span.end()
    })
  }
  const handled = (count: number): Promise<void> =>
    vi.waitFor(() => expect(seen).toHaveLength(count), { timeout: 10_000, interval: 5 })
  const spansOf = (traceId: string | undefined): string[] =>
    telemetry.recorder.spans
      .filter((span) => span.spanContext().traceId === traceId)
      .map(({ name }) => name)
      .toSorted()

  for (const { name, broker, start, hasBare } of consumers) {
    const there = brokers[broker]
    const check = test.skipIf('missing' in there)
    const url = 'url' in there ? there.url : ''

    check(`agents-25: ${name}: no message is ever a child of that span`, async () => {
      await inSpan('start-up', async () => {
        started = await start(url, handle, true)
        // While the span is still open …
        await context.with(ROOT_CONTEXT, () => started?.sendBare('bare 1'))
        await inSpan('request', async () => started?.send('traced 1'))
        await handled(2)
      })
      // … and after it has ended.
      await context.with(ROOT_CONTEXT, () => started?.sendBare('bare 2'))
      await inSpan('request', async () => started?.send('traced 2'))
      await handled(4)
      await vi.waitFor(() => expect(telemetry.recorder.open).toEqual([]), { timeout: 5000, interval: 5 })

      const { spans } = telemetry.recorder
      const startup = spans.find((span) => span.name === 'start-up')?.spanContext()
      expect(spansOf(startup?.traceId)).toEqual(['start-up'])
      expect(seen.map(({ body }) => body).toSorted()).toEqual(['bare 1', 'bare 2', 'traced 1', 'traced 2'])
      for (const { body, traceId, spanId, baggage } of seen) {
        const work = spans.find((span) => span.name === `work on ${body}`)
        expect(work?.parentSpanContext?.spanId, `${body} has a span of its own`).toBe(spanId)
        const request = spansOf(traceId).includes('request')
        expect([body, request, baggage]).toEqual(
          body.startsWith('traced') ? [body, true, ['request']] : [body, false, []],
        )
      }
    })

    if (!hasBare) continue
    check(`agents-25: ${name} that is not traced: all its work is in the trace of that span`, async () => {
      await inSpan('start-up', async () => {
        started = await start(url, handle, false)
      })
      await inSpan('request', async () => started?.send('traced'))
      await handled(1)
      expect(seen[0]?.baggage).toEqual(['start-up'])
      const startup = telemetry.recorder.spans.find((span) => span.name === 'start-up')
      expect(seen[0]?.traceId).toBe(startup?.spanContext().traceId)
    })
  }
})
