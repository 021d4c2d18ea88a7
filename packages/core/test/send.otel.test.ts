import {
  context,
  metrics,
  propagation,
  ROOT_CONTEXT,
  SpanKind,
  SpanStatusCode,
  trace,
  TraceFlags,
  type SpanContext,
  type TextMapPropagator,
} from '@opentelemetry/api'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { installSdk, type TestTelemetry } from '../../../integration-tests/telemetry.ts'
import { recordGetter } from '../src/carrier.ts'
import { inject } from '../src/index.ts'
import { process } from '../src/process.ts'
import { beginSend, send, type Sending } from '../src/send.ts'
import { withSendObserver } from '../src/sends.ts'
import { metricRecorder } from '../src/testing.ts'
import { adapter, delivered, SPAN_ID, TRACE_ID, TRACEPARENT } from './scenario.ts'

const NOW = Date.now()
const now = (): number => NOW
const outgoing = { operation: 'send', destination: { name: 'jobs' } }
const inBaggage = <T>(members: Record<string, string>, fn: () => T): T =>
  context.with(
    propagation.setBaggage(
      ROOT_CONTEXT,
      propagation.createBaggage(
        Object.fromEntries(Object.entries(members).map(([k, value]) => [k, { value }])),
      ),
    ),
    fn,
  )

describe('send', () => {
  let telemetry: TestTelemetry
  beforeEach(() => {
    telemetry = installSdk()
  })
  afterEach(async () => {
    expect(telemetry.recorder.open).toEqual([])
    await telemetry.uninstall()
  })
  const only = () => {
    expect(telemetry.recorder.spans).toHaveLength(1)
    return telemetry.recorder.spans[0]!
  }

  test('one PRODUCER span, its context and our stamp as text fields', () => {
    const fields = inBaggage({ tenant: 'acme' }, () =>
      send(adapter({ now }), outgoing, (sending) => sending!.stamp().fields),
    )
    const span = only()
    expect(span.kind).toBe(SpanKind.PRODUCER)
    expect(Object.entries(fields)).toEqual([
      ['traceparent', `00-${span.spanContext().traceId}-${span.spanContext().spanId}-01`],
      ['baggage', 'tenant=acme'],
      ['waybill', `sent=${NOW};origin=${NOW}`],
    ])
    expect(span.instrumentationScope).toMatchObject({
      name: '@waybill/test',
      version: '1.2.3',
      schemaUrl: 'https://opentelemetry.io/schemas/1.45.0',
    })
  })

  test('a propagator that writes the active context only, as that of Sentry does, is given ours as the active one', () => {
    const asked: boolean[] = []
    const propagator: TextMapPropagator = {
      inject(ctx, carrier, setter) {
        asked.push(ctx === context.active())
        if (ctx !== context.active()) return
        setter.set(carrier, 'sentry-trace', trace.getSpanContext(ctx)?.spanId ?? '')
      },
      extract: (ctx) => ctx,
      fields: () => ['sentry-trace'],
    }
    const own = adapter({ propagator })
    const stamped = [1, 2].map(() => send(own, outgoing, (sending) => sending!.stamp().fields))
    expect(stamped.map((fields) => fields['sentry-trace'])).toEqual(
      telemetry.recorder.spans.map((span) => span.spanContext().spanId),
    )
    // It was found out at the first use, by the self-check.
    expect(asked.filter((isActive) => !isActive)).toHaveLength(1)
  })

  test("the client's call runs with the span active", () => {
    const active = send(adapter(), outgoing, () => trace.getSpanContext(context.active())?.spanId)
    expect(active).toBe(only().spanContext().spanId)
  })

  test('attributes: what the description says', () => {
    const details = () => ({ 'test.key': 7 })
    send(
      adapter(),
      { ...outgoing, messageId: 'm1', conversationId: 'c1', count: 3, details },
      () => undefined,
    )
    expect(only().attributes).toEqual({
      'messaging.system.name': 'test',
      'messaging.system': 'test',
      'messaging.operation.name': 'send',
      'messaging.operation.type': 'send',
      'messaging.destination.name': 'jobs',
      'messaging.message.id': 'm1',
      'messaging.message.conversation_id': 'c1',
      'messaging.batch.message_count': 3,
      'test.key': 7,
    })
  })

  test('compat: false leaves the old system key out', () => {
    send(adapter({ compat: false }), outgoing, () => undefined)
    expect(only().attributes).not.toHaveProperty('messaging.system')
  })

  test.each([
    [
      { name: 'tenant-42-jobs', template: 'tenant-{id}-jobs' },
      'send tenant-{id}-jobs',
      { 'messaging.destination.template': 'tenant-{id}-jobs' },
    ],
    [{ name: 'amq.gen-x', anonymous: true }, 'send (anonymous)', { 'messaging.destination.anonymous': true }],
    [{ name: 'reply-1', temporary: true }, 'send (temporary)', { 'messaging.destination.temporary': true }],
  ])('an unbounded name stays out of span names and metrics: %o', async (destination, name, attributes) => {
    send(adapter(), { ...outgoing, destination }, () => undefined)
    expect(only().name).toBe(name)
    expect(only().attributes).toMatchObject({ 'messaging.destination.name': destination.name, ...attributes })
    const [series] = await telemetry.series('messaging.client.sent.messages')
    expect(series?.attributes).not.toHaveProperty('messaging.destination.name')
  })

  test('the answer is described on the span; a null answer counts no message', async () => {
    const describeAnswer = (id: string | null) =>
      id === null ? { sent: false } : { messageId: id, attributes: { 'test.offset': 5 } }
    await send(adapter(), outgoing, () => Promise.resolve('id-1' as string | null), describeAnswer)
    expect(only().attributes).toMatchObject({ 'messaging.message.id': 'id-1', 'test.offset': 5 })
    await send(adapter(), outgoing, () => Promise.resolve(null as string | null), describeAnswer)
    const [sent] = await telemetry.series('messaging.client.sent.messages')
    expect(sent?.value).toBe(1)
  })

  test.each([
    [
      'throws',
      () => {
        throw new RangeError('broken')
      },
    ],
    ['rejects', () => Promise.reject(new RangeError('broken'))],
  ])('a call that %s: ERROR, exception, error.type, the same error to the caller', async (_how, call) => {
    await expect(async () => send(adapter(), outgoing, call)).rejects.toThrow(RangeError)
    const span = only()
    expect(span.status).toEqual({ code: SpanStatusCode.ERROR, message: 'broken' })
    expect(span.attributes['error.type']).toBe('RangeError')
    expect(span.events[0]?.attributes).toMatchObject({
      'exception.type': 'RangeError',
      'exception.message': 'broken',
    })
    const [series] = await telemetry.series('messaging.client.operation.duration')
    expect(series?.attributes['error.type']).toBe('RangeError')
  })

  test('of an error only name, message and stack are recorded', () => {
    const error = Object.assign(new Error('EXECABORT'), {
      command: { args: ['secret'] },
      code: 'secret-code',
    })
    expect(() =>
      send(adapter(), outgoing, () => {
        throw error
      }),
    ).toThrow(error)
    expect(JSON.stringify([only().events, only().attributes])).not.toContain('secret')
  })

  test('ends once, however often it is told', async () => {
    const sending = beginSend(adapter(), outgoing)
    sending?.end({ errorType: 'nack' })
    sending?.end()
    expect(only().attributes['error.type']).toBe('nack')
    expect(only().status.code).toBe(SpanStatusCode.ERROR)
    expect((await telemetry.series('messaging.client.sent.messages')).map(({ value }) => value)).toEqual([1])
  })

  test("an application's own traceparent stays, is linked, and only the waybill is written", () => {
    const stamp = send(adapter({ now }), outgoing, (sending) =>
      sending!.stamp({ traceparent: TRACEPARENT }, recordGetter),
    )
    expect(stamp.fields).toEqual({ waybill: `sent=${NOW};origin=${NOW}` })
    expect([...stamp.replaces]).toEqual(['waybill'])
    expect(only().links.map((link) => link.context.spanId)).toEqual([SPAN_ID])
  })

  test('headers copied from the message being handled are replaced, and the old context is linked', () => {
    const headers = {
      traceparent: TRACEPARENT,
      baggage: 'old=1',
      waybill: `sent=${NOW - 500};origin=${NOW - 900}`,
    }
    const stamp = process(adapter(), delivered(headers), () =>
      send(adapter({ now }), outgoing, (sending) => sending!.stamp(headers, recordGetter)),
    )
    const [sent] = telemetry.recorder.spans.filter((span) => span.name === 'send jobs')
    expect(stamp.fields['traceparent']).toBe(`00-${TRACE_ID}-${sent?.spanContext().spanId}-01`)
    expect(stamp.fields['waybill']).toBe(`sent=${NOW};origin=${NOW - 900}`)
    expect([...stamp.replaces]).toEqual(
      expect.arrayContaining(['traceparent', 'tracestate', 'baggage', 'waybill']),
    )
    expect(sent?.links.map((link) => link.context.spanId)).toEqual([SPAN_ID])
  })

  test("existingContext: 'replace' writes the current context, and links the application's", () => {
    const stamp = send(adapter({ now, existingContext: 'replace' }), outgoing, (sending) =>
      sending!.stamp({ traceparent: TRACEPARENT, tracestate: 'a=1' }, recordGetter),
    )
    expect(stamp.fields['traceparent']).toContain(only().spanContext().spanId)
    expect(stamp.replaces.has('tracestate')).toBe(true)
    expect(only().links.map((link) => link.context.spanId)).toEqual([SPAN_ID])
  })

  test('a message that is sent on: origin kept, old context replaced, the failed span linked', () => {
    const failed = { traceId: TRACE_ID, spanId: 'f'.repeat(16), traceFlags: 1 }
    const stamp = send(adapter({ now }), outgoing, (sending) =>
      sending!.stamp({ traceparent: TRACEPARENT }, recordGetter, { forwards: { origin: NOW - 900, failed } }),
    )
    expect(stamp.fields['traceparent']).toContain(only().spanContext().spanId)
    expect(stamp.fields['waybill']).toBe(`sent=${NOW};origin=${NOW - 900}`)
    expect(stamp.replaces.has('baggage')).toBe(true)
    expect(only().links.map((link) => link.context.spanId)).toEqual([SPAN_ID, failed.spanId])
  })

  test("one message's own operation is written into its field alone", () => {
    const stamps = send(adapter({ now }), outgoing, (sending) =>
      [undefined, { op: 'late' }].map((message) => sending!.stamp({}, recordGetter, message)),
    )
    expect(stamps.map(({ fields }) => fields['waybill'])).toEqual([
      `sent=${NOW};origin=${NOW}`,
      `sent=${NOW};origin=${NOW};op=late`,
    ])
  })

  test('inject: false writes nothing, and old times do not travel on', () => {
    const stamp = send(adapter(), { ...outgoing, inject: false }, (sending) =>
      sending!.stamp({ traceparent: TRACEPARENT, waybill: 'sent=1' }, recordGetter),
    )
    expect(stamp.fields).toEqual({})
    expect([...stamp.replaces]).toEqual(['waybill'])
  })

  test('links no more than maxLinks, and counts what it left out', () => {
    send(adapter({ maxLinks: 2 }), outgoing, (sending) => {
      for (let i = 0; i < 5; i++) sending!.stamp({ traceparent: TRACEPARENT }, recordGetter)
    })
    expect(only().links).toHaveLength(2)
    expect(only().attributes['waybill.links.omitted']).toBe(3)
  })

  describe('with create spans', () => {
    const creating = { ...outgoing, count: 3, createSpans: true }
    test('a PRODUCER span for each message, and a CLIENT span that links them', async () => {
      const stamps = send(adapter(), creating, (sending) =>
        ['m1', 'm2', 'm3'].map((messageId) =>
          sending!.stamp({}, recordGetter, { messageId, details: () => ({ 'test.key': messageId }) }),
        ),
      )
      const created = telemetry.recorder.spans.filter(({ name }) => name === 'create jobs')
      const call = telemetry.recorder.spans.find(({ name }) => name === 'send jobs')
      expect(created.map(({ kind }) => kind)).toEqual(Array(3).fill(SpanKind.PRODUCER))
      expect(created.map(({ attributes }) => attributes)).toEqual(
        ['m1', 'm2', 'm3'].map((id) => ({
          'messaging.system.name': 'test',
          'messaging.system': 'test',
          'messaging.operation.name': 'create',
          'messaging.operation.type': 'create',
          'messaging.destination.name': 'jobs',
          'messaging.message.id': id,
          'test.key': id,
        })),
      )
      expect(call?.kind).toBe(SpanKind.CLIENT)
      expect(call?.attributes['messaging.operation.type']).toBe('send')
      const ids = created.map((span) => span.spanContext().spanId)
      expect(call?.links.map((link) => link.context.spanId)).toEqual(ids)
      expect(stamps.map(({ fields }) => fields['traceparent']?.split('-')[2])).toEqual(ids)
      expect((await telemetry.series('messaging.client.sent.messages')).map(({ value }) => value)).toEqual([
        3,
      ])
    })

    test('they are siblings of the call, children of its caller', () => {
      const parent = trace.getTracer('test').startSpan('request')
      context.with(trace.setSpan(ROOT_CONTEXT, parent), () => {
        send(adapter(), creating, (sending) => sending!.stamp())
      })
      parent.end()
      const parents = telemetry.recorder.spans
        .filter(({ name }) => name.endsWith('jobs'))
        .map((span) => span.parentSpanContext?.spanId)
      expect(parents).toEqual(Array(2).fill(parent.spanContext().spanId))
    })

    test('a message that the application has created gets none; one whose context is replaced links it', () => {
      send(adapter(), creating, (sending) => sending!.stamp({ traceparent: TRACEPARENT }, recordGetter))
      expect(only().links.map((link) => link.context.spanId)).toEqual([SPAN_ID])
      telemetry.recorder.reset()
      send(adapter({ existingContext: 'replace' }), creating, (sending) =>
        sending!.stamp({ traceparent: TRACEPARENT }, recordGetter),
      )
      const [created, call] = telemetry.recorder.spans
      expect(created?.links.map((link) => link.context.spanId)).toEqual([SPAN_ID])
      expect(call?.links.map((link) => link.context.spanId)).toEqual([created?.spanContext().spanId])
    })
  })

  test('a preset traceparent that is invalid is replaced', () => {
    const stamp = send(adapter(), outgoing, (sending) =>
      sending!.stamp({ traceparent: 'garbage' }, recordGetter),
    )
    expect(stamp.replaces.has('traceparent')).toBe(true)
    expect(only().links).toEqual([])
  })

  test('baggage: allow-list and cap, whole members in order', () => {
    const members = { tenant: 'acme', secret: 's', big: 'x'.repeat(300), last: 'z' }
    const baggage = (sending: Sending | undefined) => sending?.stamp().fields['baggage']
    inBaggage(members, () => {
      expect(send(adapter({ sendBaggage: ['tenant', 'last'] }), outgoing, baggage)).toBe('tenant=acme,last=z')
      expect(send(adapter({ maxBaggageBytes: 100 }), outgoing, baggage)).toBe('tenant=acme,secret=s,last=z')
      expect(send(adapter({ maxBaggageBytes: 27 }), outgoing, baggage)).toBe('tenant=acme,secret=s,last=z')
      expect(send(adapter({ maxBaggageBytes: 26 }), outgoing, baggage)).toBe('tenant=acme,secret=s')
      expect(send(adapter({ maxBaggageBytes: 0 }), outgoing, baggage)).toBeUndefined()
    })
    expect(telemetry.warnings.filter((line) => line.includes('left out'))).toHaveLength(1)
  })

  test('undefined flags are masked before they would make an invalid traceparent', () => {
    const remote = { traceId: TRACE_ID, spanId: SPAN_ID, traceFlags: 0xff as TraceFlags }
    trace.disable() // pass-through: no tracer, only a propagator
    const fields = context.with(trace.setSpanContext(ROOT_CONTEXT, remote), () =>
      send(adapter(), outgoing, (sending) => sending!.stamp().fields),
    )
    expect(fields['traceparent']).toBe(`00-${TRACE_ID}-${SPAN_ID}-03`)
  })

  test('nothing that throws in telemetry reaches the caller', () => {
    const thrower = () => {
      throw new Error('telemetry')
    }
    expect(send(adapter({ tracerProvider: { getTracer: thrower } }), outgoing, () => 'sent')).toBe('sent')
    expect(
      send(
        adapter({
          tracerProvider: { getTracer: () => ({ startSpan: thrower, startActiveSpan: thrower }) } as never,
        }),
        outgoing,
        () => 'sent',
      ),
    ).toBe('sent')
    expect(send(adapter({ now: thrower }), outgoing, () => 'sent')).toBe('sent')
    expect(send(adapter(), { ...outgoing, details: thrower }, () => 'sent')).toBe('sent')
    expect(send(adapter(), outgoing, () => 'sent', thrower)).toBe('sent')
    expect(
      send(
        adapter(),
        outgoing,
        (sending) => sending!.stamp({}, { keys: thrower, get: thrower }).fields['traceparent'],
      ),
    ).toMatch(/^00-/)
    expect(telemetry.recorder.spans).toHaveLength(telemetry.recorder.started)
  })

  test('baggage that cannot be encoded is left out, and nothing else', () => {
    const fields = inBaggage({ half: '\uD800', whole: 'x' }, () =>
      send(adapter(), outgoing, (sending) => sending!.stamp().fields),
    )
    expect(fields).toMatchObject({ traceparent: expect.stringMatching(/^00-/), baggage: 'whole=x' })
    expect(telemetry.warnings).toHaveLength(1)
  })

  test('no SDK: the call is made bare', async () => {
    await telemetry.uninstall()
    expect(send(adapter(), outgoing, (sending) => sending)).toBeUndefined()
    telemetry = installSdk()
  })

  test('a meter provider that is registered after the first send is found', () => {
    const [late, telemetryOfAdapter] = [metricRecorder(), adapter()]
    metrics.disable()
    send(telemetryOfAdapter, outgoing, () => undefined)
    metrics.setGlobalMeterProvider(late)
    send(telemetryOfAdapter, outgoing, () => undefined)
    expect(late.of('messaging.client.sent.messages')).toHaveLength(1)
  })

  test('an SDK that starts later is found', async () => {
    const early = adapter()
    await telemetry.uninstall()
    send(early, outgoing, () => undefined)
    telemetry = installSdk()
    send(early, outgoing, () => undefined)
    expect(only().name).toBe('send jobs')
    expect(await telemetry.series('messaging.client.sent.messages')).toHaveLength(1)
  })

  test.each([true, false])(
    'whoever observes the sends of a context is told how many messages carry what, sampled: %s',
    async (sampled) => {
      await telemetry.uninstall()
      telemetry = installSdk({ sampled })
      const seen: [number, SpanContext | undefined][] = []
      const creations = context.with(
        withSendObserver(ROOT_CONTEXT, (count, creation) => void seen.push([count, creation])),
        () => [
          send(adapter(), outgoing, (sending) => sending!.stamp().fields['traceparent']),
          // A client that knows its number of messages only when it has sent them.
          send(
            adapter(),
            { ...outgoing, count: 2 },
            (sending) => sending!.stamp().fields['traceparent'],
            () => ({ count: 3 }),
          ),
          send(adapter(), { ...outgoing, count: 2, createSpans: true }, (sending) => {
            const [first] = [sending!.stamp(), sending!.stamp()]
            return first.fields['traceparent']
          }),
          inject()['traceparent'],
        ],
      )
      send(adapter(), outgoing, () => undefined)
      expect(seen.map(([count]) => count)).toEqual([1, 2, 1, 1, 1, 1])
      const carried = creations.map((traceparent) => traceparent?.split('-')[2])
      expect([0, 1, 3].map((i) => seen[i]?.[1]?.spanId)).toEqual(carried.slice(0, 3))
      expect(seen[2]?.[1]).toEqual(seen[1]?.[1])
      expect(seen[5]?.[1]).toBeUndefined()
    },
  )

  test('an observer that throws disturbs no send', () => {
    const throwing = withSendObserver(ROOT_CONTEXT, () => {
      throw new Error('observer')
    })
    expect(context.with(throwing, () => send(adapter(), outgoing, () => 'sent'))).toBe('sent')
    only()
    expect(telemetry.warnings).toHaveLength(1)
  })
})
