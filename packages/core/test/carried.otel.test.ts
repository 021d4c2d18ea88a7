import { context, propagation, ROOT_CONTEXT, trace, type Context } from '@opentelemetry/api'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { installSdk, type TestTelemetry } from '../../../integration-tests/telemetry.ts'
import { process } from '../src/process.ts'
import { send } from '../src/send.ts'
import {
  extract,
  fromEnv,
  inject,
  runWithCarrier,
  toEnv,
  toWorkerData,
  WaybillTypeError,
} from '../src/index.ts'
import { adapter, delivered, SPAN_ID, TRACE_ID, TRACEPARENT } from './scenario.ts'

const request = (): Context =>
  propagation.setBaggage(
    trace.setSpanContext(ROOT_CONTEXT, { traceId: TRACE_ID, spanId: SPAN_ID, traceFlags: 1 }),
    propagation.createBaggage({ 'session.id': { value: 's1' }, secret: { value: 'x' } }),
  )
const traceIdIn = (there: Context): string | undefined => trace.getSpanContext(there)?.traceId
const baggageIn = (there: Context): string[] =>
  propagation
    .getBaggage(there)
    ?.getAllEntries()
    .map(([key]) => key) ?? []

describe('context in any carrier', () => {
  let telemetry: TestTelemetry
  beforeEach(() => {
    telemetry = installSdk()
  })
  afterEach(async () => {
    expect(telemetry.recorder.open).toEqual([])
    await telemetry.uninstall()
  })

  test('inject writes the W3C fields and ours', () => {
    expect(context.with(request(), () => inject({ now: () => 1_795_000_000_000 }))).toEqual({
      traceparent: TRACEPARENT,
      baggage: 'session.id=s1,secret=x',
      waybill: 'sent=1795000000000;origin=1795000000000',
    })
  })

  test('with nothing to carry inject writes nothing, not even a stamp', () => {
    expect(inject()).toEqual({})
  })

  test('baggage is kept in and out by the lists', () => {
    expect(context.with(request(), () => inject({ sendBaggage: ['session.id'] }))).toMatchObject({
      baggage: 'session.id=s1',
    })
    const carrier = context.with(request(), () => inject())
    expect(baggageIn(extract(carrier))).toEqual(['session.id', 'secret'])
    expect(baggageIn(extract(carrier, { acceptBaggage: ['session.id'] }))).toEqual(['session.id'])
  })

  test.each<[string, (carrier: Record<string, string>) => unknown]>([
    ['the object', (carrier) => carrier],
    ['its JSON text', JSON.stringify],
    ['its JSON in bytes', (carrier) => Buffer.from(JSON.stringify(carrier))],
    ['a Map', (carrier) => new Map(Object.entries(carrier))],
    ['Headers', (carrier) => new Headers(carrier)],
    ['values in bytes', (carrier) => ({ ...carrier, traceparent: Buffer.from(TRACEPARENT) })],
    ['other letter case', ({ traceparent, ...rest }) => ({ ...rest, TraceParent: traceparent })],
  ])('extract reads %s', (_what, made) => {
    const found = extract(made(context.with(request(), () => inject())))
    expect(traceIdIn(found)).toBe(TRACE_ID)
  })

  test.each([
    undefined,
    null,
    0,
    'x',
    '[]',
    'null',
    '{',
    [],
    [[1]],
    [null],
    () => 1,
    { traceparent: 'x' },
    { traceparent: { toString: () => TRACEPARENT } },
    Object.create({ traceparent: TRACEPARENT }),
    new Proxy(
      {},
      {
        getOwnPropertyDescriptor() {
          throw new Error('hostile')
        },
      },
    ),
  ])('extract makes the root context of anything else: %o', (carrier) => {
    expect(traceIdIn(extract(carrier))).toBeUndefined()
  })

  test('nothing that is active where a carrier is read gets in', () => {
    const inside = context.with(request(), () => runWithCarrier({}, () => context.active()))
    expect(traceIdIn(inside)).toBeUndefined()
    expect(baggageIn(inside)).toEqual([])
  })

  test('an outbox: what the relay publishes joins the trace and the journey of who ordered it', async () => {
    const ordered = Date.now() - 5_000
    const row = context.with(request(), () => JSON.stringify(inject({ now: () => ordered })))
    let headers: object = {}
    runWithCarrier(row, () => {
      send(adapter(), { operation: 'send', destination: { name: 'jobs' } }, (sending) => {
        headers = sending!.stamp().fields
      })
    })
    process(adapter({ transitSpan: { enabled: false } }), delivered(headers), () => undefined)
    const [sent, processed] = telemetry.recorder.spans
    expect(sent).toMatchObject({
      name: 'send jobs',
      parentSpanContext: { traceId: TRACE_ID, spanId: SPAN_ID },
    })
    expect(processed?.parentSpanContext?.spanId).toBe(sent?.spanContext().spanId)
    expect((await telemetry.series('waybill.journey.duration'))[0]?.value).toMatchObject({
      sum: expect.closeTo(5, 0),
    })
  })

  test('result and error are those of the function', () => {
    expect(runWithCarrier({}, () => 7)).toBe(7)
    const error = new Error('mine')
    expect(() =>
      runWithCarrier({}, () => {
        throw error
      }),
    ).toThrow(error)
  })

  test.each([
    ['inject', () => inject({ sendBagage: [] } as never)],
    ['extract', () => extract({}, { acceptBaggage: 'all' } as never)],
    ['runWithCarrier', () => runWithCarrier({}, () => 1, { propagator: {} } as never)],
    ['toEnv', () => toEnv({}, { x: 1 } as never)],
    ['fromEnv', () => fromEnv({}, { x: 1 } as never)],
    ['toWorkerData', () => toWorkerData([1])],
    ['toWorkerData', () => toWorkerData(new Date())],
  ])('%s says what is wrong with what it was given', (name, call) => {
    expect(call).toThrow(WaybillTypeError)
    expect(call).toThrow(`@waybill/core: ${name}() expected `)
  })

  test('agents-27: toEnv and fromEnv make the round trip; other variables stay', () => {
    const given = { PATH: '/bin', TRACESTATE: 'stale=1', Traceparent: 'mine' }
    const env = context.with(request(), () => toEnv(given))
    expect(env).toEqual({
      PATH: '/bin',
      Traceparent: 'mine',
      TRACEPARENT,
      BAGGAGE: 'session.id=s1,secret=x',
    })
    expect(given).toEqual({ PATH: '/bin', TRACESTATE: 'stale=1', Traceparent: 'mine' })
    expect(traceIdIn(fromEnv(env))).toBe(TRACE_ID)
    expect(baggageIn(fromEnv(env))).toEqual(['session.id', 'secret'])
    expect(traceIdIn(fromEnv({ traceparent: TRACEPARENT }))).toBeUndefined()
    expect(traceIdIn(context.with(request(), () => fromEnv({})))).toBeUndefined()
  })

  test('agents-27: variables have the names that the specification gives to fields', () => {
    const propagator = {
      inject: (_context: Context, carrier: unknown) =>
        void Object.assign(carrier as object, { 'x-b3.trace': '1', '9lives': '2' }),
      extract: (from: Context) => from,
      fields: () => ['x-b3.trace', '9lives'],
    }
    expect(toEnv({}, { propagator })).toEqual({ X_B3_TRACE: '1', _9LIVES: '2' })
  })

  test('agents-27: toWorkerData makes the round trip beside the data, which stays as it was', () => {
    const data = Object.freeze({ job: 7 })
    const workerData = structuredClone(context.with(request(), () => toWorkerData(data)))
    expect(workerData).toMatchObject({ job: 7, traceparent: TRACEPARENT })
    expect(data).toEqual({ job: 7 })
    expect(traceIdIn(runWithCarrier(workerData, () => context.active()))).toBe(TRACE_ID)
  })
})
