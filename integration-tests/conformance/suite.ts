import { setTimeout as delay } from 'node:timers/promises'
import {
  context,
  propagation,
  ROOT_CONTEXT,
  SpanKind,
  SpanStatusCode,
  trace,
  type Baggage,
  type SpanContext,
} from '@opentelemetry/api'
import { traceTree, type RecordedSpan } from '@waybill/core/testing'
import type { Relation, TelemetryOptions, Trust } from '@waybill/core'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, inject, test, vi } from 'vitest'
import { sdk } from '#otel-sdk'
import { expectBetween } from '../bounds.ts'
import type { HistogramValue } from '../sdk-line.ts'
import { histogram, installSdk, type TestTelemetry } from '../telemetry.ts'
import { hostileCases } from './hostile-headers.ts'
import type { Session, Subject, TestMessage } from './subject.ts'

/** What a handler saw of its message. */
interface Delivery {
  readonly active: SpanContext | undefined
  readonly baggage: Baggage | undefined
}

const FOREIGN: SpanContext = { traceId: 'f'.repeat(31) + '1', spanId: 'f'.repeat(15) + '1', traceFlags: 1 }
const FOREIGN_TRACEPARENT = `00-${FOREIGN.traceId}-${FOREIGN.spanId}-01`

/** What is not known of the distance between our clock and the broker's, in seconds. */
const CLOCKS = 0.005

/**
 * The suite that every adapter passes on its real broker. A subject declares what is particular to its client; nothing in
 * here knows which broker it runs on.
 */
export function conformance(subject: Subject): void {
  const broker =
    subject.broker === undefined
      ? { url: '', version: '', how: 'in this process' }
      : inject('brokers')[subject.broker]
  const title = (what: string): string => `${subject.name} conformance: ${what}`
  if ('missing' in broker) {
    test.skip(title(`not run, ${broker.missing}`))
    return
  }

  describe(`${`${subject.name} ${broker.version}`.trimEnd()} (${broker.how}), OpenTelemetry SDK ${sdk.line}`, () => {
    let telemetry: TestTelemetry
    let session: Session
    // Asked anew for every message, so that one session serves all cases.
    let relation: Relation = 'parent'
    let trust: Trust = 'continue'
    const options: TelemetryOptions = {
      relation: () => relation,
      trust: () => trust,
      transitSpan: { minMs: 0 },
    }
    const handlers = new Map<string, (delivery: Delivery) => unknown>()

    const handle = (body: string): unknown =>
      handlers.get(body)?.({
        active: trace.getSpanContext(context.active()),
        baggage: propagation.getActiveBaggage(),
      })

    /** Sends a message and settles with what its handler saw, once that handler's span has ended. */
    async function roundTrip(
      message: TestMessage,
      send: (message: TestMessage) => Promise<unknown> = session.send,
    ): Promise<Delivery> {
      const delivered = Promise.withResolvers<Delivery>()
      handlers.set(message.body, delivered.resolve)
      await send(message)
      const delivery = await delivered.promise
      await allEnded()
      return delivery
    }
    // The request of the test itself is still open while its message is on the way.
    const allEnded = (): Promise<void> =>
      vi.waitFor(() => expect(telemetry.recorder.open.filter((name) => name !== 'request')).toEqual([]), {
        timeout: 5000,
        interval: 2,
      })
    const named = (prefix: string): RecordedSpan[] =>
      telemetry.recorder.spans.filter((span) => span.name.startsWith(`${prefix} `))
    const sends = (): RecordedSpan[] => named(subject.operations.send)
    const processes = (): RecordedSpan[] => named(subject.operations.process)
    const inRequest = <T>(fn: () => Promise<T>, base = ROOT_CONTEXT): Promise<T> => {
      const span = trace.getTracer('test').startSpan('request', {}, base)
      return context.with(trace.setSpan(base, span), fn).finally(() => {
        span.end()
      })
    }
    let bodies = 0
    const body = (): string => `body-${++bodies}`

    beforeAll(async () => {
      telemetry = installSdk()
      // A consumer is often made inside a start-up span: none of it may reach any message.
      const startup = trace.getTracer('test').startSpan('startup')
      const baggage = propagation.createBaggage({ leaked: { value: 'from start-up' } })
      const active = propagation.setBaggage(trace.setSpan(ROOT_CONTEXT, startup), baggage)
      await context.with(active, async () => {
        session = await subject.open(broker.url, options)
        await session.consume(handle)
      })
      startup.end()
      await telemetry.uninstall()
    })
    afterAll(() => session?.close())

    beforeEach(() => {
      relation = 'parent'
      trust = 'continue'
      telemetry = installSdk()
    })
    afterEach(async () => {
      await allEnded()
      await telemetry.finish()
    })

    test(title('the API of this cell is live'), () => {
      const registered = (globalThis as Record<symbol, { version?: string } | undefined>)[
        Symbol.for('opentelemetry.js.api.1')
      ]
      expect(registered?.version).toBe(sdk.apiVersion)
    })

    test(title('one trace'), async () => {
      const message = { body: body() }
      const handled = Promise.withResolvers<void>()
      handlers.set(message.body, async () => {
        await delay(1)
        trace.getTracer('test').startSpan('work').end()
        handled.resolve()
      })
      await inRequest(() => session.send(message))
      await handled.promise
      await allEnded()
      const { send, process } = subject.operations
      const spans = telemetry.recorder.spans
      expect(traceTree(spans)).toBe(
        [
          'request',
          `  ${send} ${session.destination}`,
          `    transit ${session.source}`,
          `    ${process} ${session.source}`,
          '      work',
        ].join('\n'),
      )
      expect(new Set(spans.map((span) => span.spanContext().traceId)).size).toBe(1)
    })

    test(title('parent and link'), async () => {
      await roundTrip({ body: body() })
      const [producer] = sends()
      const [consumer] = processes()
      expect(producer?.kind).toBe(SpanKind.PRODUCER)
      expect(consumer?.kind).toBe(SpanKind.CONSUMER)
      expect(consumer?.parentSpanContext?.spanId).toBe(producer?.spanContext().spanId)
      expect(consumer?.links.map((link) => link.context.spanId)).toEqual([producer?.spanContext().spanId])
    })

    test(title('relation link'), async () => {
      relation = 'link'
      const request = propagation.setBaggage(
        ROOT_CONTEXT,
        propagation.createBaggage({ tenant: { value: 'acme' } }),
      )
      const delivery = await inRequest(() => roundTrip({ body: body() }), request)
      const [producer] = sends()
      const [consumer] = processes()
      expect(consumer?.parentSpanContext).toBeUndefined()
      expect(consumer?.spanContext().traceId).not.toBe(producer?.spanContext().traceId)
      expect(consumer?.links.map((link) => link.context.spanId)).toEqual([producer?.spanContext().spanId])
      expect(delivery.active?.spanId).toBe(consumer?.spanContext().spanId)
      expect(delivery.baggage?.getEntry('tenant')?.value).toBe('acme')
    })

    test(title('names and attributes'), async () => {
      await roundTrip({ body: body() })
      const { send, process } = subject.operations
      const [producer] = sends()
      const [consumer] = processes()
      expect(producer?.attributes).toMatchObject({
        'messaging.system.name': subject.systemName,
        'messaging.system': subject.systemName,
        'messaging.operation.name': send,
        'messaging.operation.type': 'send',
        'messaging.destination.name': session.destination,
      })
      expect(consumer?.attributes).toMatchObject({
        'messaging.system.name': subject.systemName,
        'messaging.operation.name': process,
        'messaging.operation.type': 'process',
        'messaging.destination.name': session.source,
        'waybill.delivery.attempt': 1,
      })
      const ids = [producer, consumer].map((span) => span?.attributes['messaging.message.id'])
      expect(ids[0]).toBe(ids[1])
      for (const span of [producer, consumer]) {
        expect(span?.instrumentationScope.schemaUrl).toBe('https://opentelemetry.io/schemas/1.45.0')
        expect(span?.status.code).toBe(SpanStatusCode.UNSET)
      }
    })

    test(title('baggage in the handler'), async () => {
      const request = propagation.setBaggage(
        ROOT_CONTEXT,
        propagation.createBaggage({ tenant: { value: 'acme & co' } }),
      )
      const delivery = await inRequest(() => roundTrip({ body: body() }), request)
      expect(delivery.baggage?.getAllEntries().map(([key, { value }]) => [key, value])).toEqual([
        ['tenant', 'acme & co'],
      ])
    })

    test(title('messages in flight keep their own context'), async () => {
      const deliveries = await Promise.all(
        Array.from({ length: 5 }, async (_, i) => {
          const request = propagation.setBaggage(
            ROOT_CONTEXT,
            propagation.createBaggage({ n: { value: String(i) } }),
          )
          const delivered = Promise.withResolvers<Delivery>()
          const message = { body: body() }
          handlers.set(message.body, delivered.resolve)
          const traceId = await inRequest(async () => {
            await session.send(message)
            return trace.getSpanContext(context.active())?.traceId
          }, request)
          return { sent: { traceId, n: String(i) }, delivery: await delivered.promise }
        }),
      )
      await allEnded()
      for (const { sent, delivery } of deliveries) {
        expect({ traceId: delivery.active?.traceId, n: delivery.baggage?.getEntry('n')?.value }).toEqual(sent)
      }
    })

    test(title('a message without context starts a new trace and says why'), async () => {
      const delivery = await roundTrip({ body: body() }, session.sendBare)
      const [consumer] = processes()
      expect(consumer?.parentSpanContext).toBeUndefined()
      expect(consumer?.links).toEqual([])
      expect(consumer?.attributes['waybill.root.reason']).toBe('no_carrier')
      expect(delivery.baggage?.getAllEntries() ?? []).toEqual([])
    })

    test(title('a foreign producer with a plain traceparent is continued'), async () => {
      await roundTrip({ body: body(), headers: { traceparent: FOREIGN_TRACEPARENT } }, session.sendBare)
      const [consumer] = processes()
      expect(consumer?.parentSpanContext?.spanId).toBe(FOREIGN.spanId)
      expect(consumer?.spanContext().traceId).toBe(FOREIGN.traceId)
    })

    test.runIf(subject.applicationHeaders)(
      title("an application's own traceparent stays and is linked"),
      async () => {
        await inRequest(() => roundTrip({ body: body(), headers: { traceparent: FOREIGN_TRACEPARENT } }))
        const [producer] = sends()
        const [consumer] = processes()
        expect(producer?.links.map((link) => link.context.spanId)).toEqual([FOREIGN.spanId])
        expect(consumer?.parentSpanContext?.spanId).toBe(FOREIGN.spanId)
      },
    )

    test(title('trust link'), async () => {
      trust = 'link'
      const headers = {
        traceparent: FOREIGN_TRACEPARENT,
        baggage: 'role=admin',
        waybill: `sent=${Date.now() - 5000};origin=${Date.now() - 5000}`,
      }
      const delivery = await roundTrip({ body: body(), headers }, session.sendBare)
      const [consumer] = processes()
      expect(consumer?.spanContext().traceId).not.toBe(FOREIGN.traceId)
      expect(consumer?.links.map((link) => link.context.spanId)).toEqual([FOREIGN.spanId])
      expect(consumer?.attributes['waybill.root.reason']).toBe('untrusted')
      expect(delivery.baggage?.getAllEntries() ?? []).toEqual([])
      expect(named('transit')).toEqual([])
    })

    test(title('trust ignore'), async () => {
      trust = 'ignore'
      await roundTrip({ body: body(), headers: { traceparent: FOREIGN_TRACEPARENT } }, session.sendBare)
      const [consumer] = processes()
      expect(consumer?.spanContext().traceId).not.toBe(FOREIGN.traceId)
      expect(consumer?.links).toEqual([])
      expect(consumer?.attributes['waybill.root.reason']).toBe('untrusted')
    })

    test(title('transit of a parked message'), async ({ skip }) => {
      const parked = await subject.open(broker.url, options)
      try {
        const offset = await clockOffset(parked)
        const delivered = Promise.withResolvers<Delivery>()
        const message = { body: body() }
        handlers.set(message.body, delivered.resolve)
        await inRequest(() => parked.send(message))
        const until = Date.now() + 300
        while (Date.now() < until) await delay(until - Date.now())
        await parked.consume(handle)
        await delivered.promise
        await allEnded()
        const arrived = await parked.arrivedAt()
        if (arrived === undefined) return skip('this broker keeps no arrival time')
        const [consumer] = processes()
        const reached = seconds(consumer?.startTime)
        const stored = reached - (arrived - offset) / 1000
        expect(stored).toBeGreaterThan(0.299)

        const [transit] = named('transit')
        const [producer] = sends()
        const time = consumer?.attributes['waybill.transit.time'] as number
        // It waits from its producer's call on, or from the moment in which the broker had it; no earlier, no later.
        expectBetween(time, stored - CLOCKS, reached - seconds(producer?.startTime) + CLOCKS)
        expect(transit?.kind).toBe(SpanKind.INTERNAL)
        expect(transit?.parentSpanContext?.spanId).toBe(producer?.spanContext().spanId)
        expect(transit?.attributes).toMatchObject({
          'messaging.system.name': subject.systemName,
          'messaging.operation.name': 'transit',
          'messaging.destination.name': parked.source,
          'waybill.transit.time': time,
          'waybill.delivery.attempt': 1,
        })
        expect(transit?.attributes).not.toHaveProperty('messaging.operation.type')
        expect(seconds(transit?.endTime) - seconds(transit?.startTime)).toBeCloseTo(time, 5)
        expect(seconds(transit?.endTime)).toBeLessThanOrEqual(seconds(consumer?.startTime) + 0.001)
        const [series] = await telemetry.series('waybill.transit.duration')
        expect(series?.unit).toBe('s')
        expect(series?.value).toMatchObject({ count: 1, sum: time })
      } finally {
        await parked.close()
      }
    })

    test(title('metrics'), async () => {
      await roundTrip({ body: body() })
      for (const name of [
        'messaging.client.operation.duration',
        'messaging.process.duration',
        'waybill.transit.duration',
        'waybill.journey.duration',
      ]) {
        const series = await telemetry.series(name)
        expect(
          series.map(({ unit, value }) => [unit, (value as HistogramValue).count]),
          name,
        ).toEqual([['s', 1]])
      }
      for (const name of ['messaging.client.sent.messages', 'messaging.client.consumed.messages']) {
        const series = await telemetry.series(name)
        expect(
          series.map(({ unit, value }) => [unit, value]),
          name,
        ).toEqual([['{message}', 1]])
        expect(series[0]?.attributes['messaging.system.name']).toBe(subject.systemName)
        expect(Object.keys(series[0]?.attributes ?? {})).not.toContain('messaging.message.id')
      }
    })

    test(title('the journey over two hops is older than its last transit'), async () => {
      const first = { body: body() }
      const second = { body: body() }
      const handled = Promise.withResolvers<Delivery>()
      handlers.set(second.body, handled.resolve)
      handlers.set(first.body, async () => {
        await delay(60)
        await session.send(second)
      })
      await session.send(first)
      await handled.promise
      await allEnded()
      expect(new Set(telemetry.recorder.spans.map((span) => span.spanContext().traceId)).size).toBe(1)
      const [journey] = await telemetry.series('waybill.journey.duration')
      expect(histogram(journey).count).toBe(2)
      expect(histogram(journey).max).toBeGreaterThanOrEqual(0.059)
    })

    test(title('frozen inputs'), async () => {
      const headers: Record<string, string> = subject.applicationHeaders ? { 'x-user': 'kept' } : {}
      const message = Object.freeze({ body: body(), headers: Object.freeze(headers) })
      await roundTrip(message)
      expect(processes()).toHaveLength(1)
      expect(processes()[0]?.parentSpanContext?.spanId).toBe(sends()[0]?.spanContext().spanId)
    })

    const accepted = hostileCases.filter(({ headers }) =>
      Object.entries(headers).every(([name, value]) => subject.accepts(value, name)),
    )
    test.each(accepted)(`${title('hostile headers:')} $title`, async ({ headers, continues }) => {
      await roundTrip({ body: body(), headers }, session.sendBare)
      const consumers = processes()
      expect(consumers).toHaveLength(1)
      if (continues === undefined) expect(consumers[0]?.parentSpanContext).toBeUndefined()
      else expect(consumers[0]?.spanContext().traceId).toBe(continues)
      const time = consumers[0]?.attributes['waybill.transit.time']
      if (time !== undefined) expect(time).toSatisfy((value: number) => value >= 0 && value < 10)
    })

    // Not a TypeError, RangeError or the like: kafkajs takes those for bugs and ends its consumer.
    test.each([
      {
        how: 'synchronously',
        fail: () => {
          throw new URIError('handler failed')
        },
      },
      {
        how: 'asynchronously',
        fail: async () => {
          await delay(1)
          throw new URIError('handler failed')
        },
      },
    ])(`${title('a handler that throws')} $how`, async ({ fail }) => {
      const message = { body: body() }
      const done = Promise.withResolvers<void>()
      let deliveries = 0
      handlers.set(message.body, () => {
        if (++deliveries > 1) {
          done.resolve()
          return undefined
        }
        if (!subject.redelivers) done.resolve()
        return fail()
      })
      await session.send(message)
      await done.promise
      await allEnded()
      const [failed, retried] = processes()
      expect(failed?.status.code).toBe(SpanStatusCode.ERROR)
      expect(failed?.attributes['error.type']).toBe('URIError')
      const exception = failed?.events.find((event) => event.name === 'exception')
      expect(exception?.attributes?.['exception.message']).toBe('handler failed')
      expect(exception?.attributes?.['exception.stacktrace']).toContain('URIError')
      if (!subject.redelivers) return
      expect(retried?.parentSpanContext?.spanId).toBe(failed?.parentSpanContext?.spanId)
      expect(retried?.attributes['waybill.delivery.attempt']).toBe(2)
      if (subject.knowsRetryWait === true) {
        expect(retried?.attributes['waybill.transit.time']).toBeLessThan(0.5)
      } else {
        expect(retried?.attributes['waybill.transit.unknown']).toBe('redelivered')
        expect(retried?.attributes).not.toHaveProperty('waybill.transit.time')
      }
      const [series] = await telemetry.series('waybill.transit.duration')
      expect(histogram(series).count).toBe(1)
    })

    test(title('sampled out: context and metrics, no spans'), async () => {
      await telemetry.uninstall()
      telemetry = installSdk({ sampled: false })
      const request = propagation.setBaggage(
        ROOT_CONTEXT,
        propagation.createBaggage({ tenant: { value: 'acme' } }),
      )
      const { traceId, delivery } = await inRequest(
        async () => ({
          traceId: trace.getSpanContext(context.active())?.traceId,
          delivery: await roundTrip({ body: body() }),
        }),
        request,
      )
      expect(telemetry.recorder.started).toBe(0)
      expect(delivery.active?.traceId).toBe(traceId)
      expect(delivery.active?.traceFlags).toBe(0)
      expect(delivery.baggage?.getEntry('tenant')?.value).toBe('acme')
      await vi.waitFor(async () => {
        const [consumed] = await telemetry.series('messaging.client.consumed.messages')
        expect(consumed?.value).toBe(1)
      })
      const [transit] = await telemetry.series('waybill.transit.duration')
      expect(histogram(transit).count).toBe(1)
    })

    test(title('no SDK: messages pass, nothing is recorded'), async () => {
      await telemetry.uninstall()
      const delivery = await roundTrip({ body: body() })
      expect(delivery.active).toBeUndefined()
      expect(telemetry.recorder.started).toBe(0)
      telemetry = installSdk()
    })

    test(title('no SDK: nothing is written into the message'), async () => {
      const parked = await subject.open(broker.url, options)
      try {
        const message = { body: body() }
        const delivered = Promise.withResolvers<Delivery>()
        handlers.set(message.body, delivered.resolve)
        await telemetry.uninstall()
        await parked.send(message)
        telemetry = installSdk()
        await parked.consume(handle)
        await delivered.promise
        await allEnded()
        expect(processes()[0]?.attributes['waybill.root.reason']).toBe('no_carrier')
      } finally {
        await parked.close()
      }
    })

    test(title('a propagator that throws fails neither send nor handler'), async () => {
      propagation.disable()
      const broken = {
        inject: () => {
          throw new Error('inject')
        },
        extract: () => {
          throw new Error('extract')
        },
        fields: () => ['traceparent'],
      }
      propagation.setGlobalPropagator(broken)
      await roundTrip({ body: body() })
      expect(processes()).toHaveLength(1)
      expect(telemetry.warnings.filter((line) => line.includes('propagator.inject()'))).toHaveLength(1)
      expect(telemetry.warnings.filter((line) => line.includes('propagator.extract()'))).toHaveLength(1)
    })
  })
}

/** Broker's clock minus ours in ms, from the quickest of several questions. */
async function clockOffset(session: Session): Promise<number> {
  let best = { roundTrip: Number.POSITIVE_INFINITY, offset: 0 }
  for (let i = 0; i < 10; i++) {
    const asked = Date.now()
    const theirs = await session.brokerNow()
    const answered = Date.now()
    if (answered - asked < best.roundTrip)
      best = { roundTrip: answered - asked, offset: theirs - (asked + answered) / 2 }
  }
  return best.offset
}

function seconds(time: readonly [number, number] | undefined): number {
  return time === undefined ? Number.NaN : time[0] + time[1] / 1e9
}
