import { EventEmitter } from 'node:events'
import { context, createContextKey, ROOT_CONTEXT, trace } from '@opentelemetry/api'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { installSdk, type TestTelemetry } from '../../../integration-tests/telemetry.ts'
import {
  batchContext,
  bindContext,
  bindEmitter,
  pack,
  runDetached,
  unpack,
  WaybillTypeError,
  type Packed,
} from '../src/index.ts'

const OWNER = createContextKey('owner')
const as = <T>(owner: string, fn: () => T): T => context.with(ROOT_CONTEXT.setValue(OWNER, owner), fn)
const owner = (): unknown => context.active().getValue(OWNER)

describe('context over async boundaries', () => {
  let telemetry: TestTelemetry
  beforeEach(() => {
    telemetry = installSdk()
  })
  afterEach(async () => {
    expect(telemetry.recorder.open).toEqual([])
    await telemetry.uninstall()
  })

  test('bindContext keeps this, arguments, result and error', () => {
    const error = new Error('mine')
    const bound = as('A', () =>
      bindContext(function (this: { x: number }, y: number) {
        if (y < 0) throw error
        return [owner(), this.x, y]
      }),
    )
    expect(as('B', () => bound.call({ x: 1 }, 2))).toEqual(['A', 1, 2])
    expect(() => bound.call({ x: 1 }, -1)).toThrow(error)
    expect(bindContext(owner, ROOT_CONTEXT.setValue(OWNER, 'C'))()).toBe('C')
  })

  test.each(['on', 'addListener', 'prependListener', 'once', 'prependOnceListener'] as const)(
    'bindEmitter: a listener added with %s runs in the context it was added in, and can be removed',
    (method) => {
      const emitter = bindEmitter(new EventEmitter())
      const seen: unknown[] = []
      const listener = (...args: unknown[]): void => void seen.push([owner(), ...args])
      as('A', () => emitter[method]('event', listener))
      as('B', () => emitter.emit('event', 1, 2))
      expect(seen).toEqual([['A', 1, 2]])
      emitter.removeAllListeners()
      as('A', () => emitter[method]('event', listener))
      expect(emitter.off('event', listener)).toBe(emitter)
      emitter.emit('event')
      emitter.emit('event')
      expect(seen).toHaveLength(1)
      expect(emitter.listenerCount('event')).toBe(0)
    },
  )

  test('bindEmitter: once is once, this is the emitter, the order stays, twice changes nothing', () => {
    const plain = new EventEmitter()
    const emitter = bindEmitter(bindEmitter(plain))
    expect(emitter).toBe(plain)
    const seen: unknown[] = []
    emitter.on('event', function (this: unknown) {
      seen.push(['on', this === emitter])
    })
    emitter.prependOnceListener('event', () => seen.push('first'))
    emitter.emit('event')
    emitter.emit('event')
    expect(seen).toEqual(['first', ['on', true], ['on', true]])
  })

  test('bindEmitter: the listener that was added last is removed first, and only once', () => {
    const emitter = bindEmitter(new EventEmitter())
    const listener = vi.fn<() => void>()
    emitter.on('event', listener).on('event', listener)
    emitter.removeListener('event', listener)
    emitter.emit('event')
    expect(listener).toHaveBeenCalledTimes(1)
    expect(emitter.listeners('event')).toEqual([listener])
  })

  test("bindEmitter: Node.js' own complaint about a bad listener is heard", () => {
    expect(() => bindEmitter(new EventEmitter()).on('event', 'x' as never)).toThrow(
      /"listener" argument must be/,
    )
  })

  test('unpack hands on further arguments and what comes back', () => {
    const packed = as('A', () => pack('item'))
    const worker = unpack((item: string, more: number) => [owner(), item, more])
    expect(as('B', () => worker(packed, 3))).toEqual(['A', 'item', 3])
  })

  test('runDetached leaves whatever is active', () => {
    expect(as('A', () => runDetached(owner))).toBeUndefined()
  })

  test('agents-28: 300 callers: as many links as the SDK takes, sampled ones first, the rest counted', async () => {
    const tracer = trace.getTracer('test')
    const packed: Packed<number>[] = []
    for (let i = 0; i < 300; i++) {
      const span = tracer.startSpan(`caller ${i}`)
      const caller = { ...span.spanContext(), traceFlags: i < 200 ? 0 : 1 }
      packed.push(context.with(trace.setSpanContext(ROOT_CONTEXT, caller), () => pack(i)))
      span.end()
    }
    telemetry.recorder.reset()
    const items = await batchContext(packed, async (plain) => plain, {
      name: 'load',
      attributes: { kind: 'users' },
    })
    expect(items).toEqual(packed.map(({ item }) => item))
    const [span] = telemetry.recorder.spans
    expect(span).toMatchObject({
      name: 'load',
      parentSpanContext: undefined,
      attributes: { kind: 'users', 'waybill.links.omitted': 172 },
    })
    expect(span?.links).toHaveLength(128)
    expect(span?.links.slice(0, 100).map((link) => link.context.traceFlags)).toEqual(Array(100).fill(1))
    expect(span?.instrumentationScope.name).toBe('@waybill/core')
  })

  test('one caller is linked once, one without a span not at all; maxLinks holds', () => {
    const tracer = trace.getTracer('test')
    const spans = [tracer.startSpan('a'), tracer.startSpan('b')]
    const packed = spans.flatMap((span) =>
      context.with(trace.setSpan(ROOT_CONTEXT, span), () => [pack(1), pack(2)]),
    )
    batchContext([...packed, pack(5)], () => undefined)
    batchContext(packed, () => undefined, { maxLinks: 1 })
    for (const span of spans) span.end()
    const [all, one] = telemetry.recorder.spans
    expect(all?.links).toHaveLength(2)
    expect(one?.links).toHaveLength(1)
    expect(one?.attributes).toEqual({ 'waybill.links.omitted': 1 })
  })

  test('a batch that fails says so and passes the error on', async () => {
    const error = new RangeError('mine')
    await expect(batchContext([pack(1)], () => Promise.reject(error))).rejects.toBe(error)
    expect(telemetry.recorder.spans[0]).toMatchObject({
      status: { code: 2, message: 'mine' },
      attributes: { 'error.type': 'RangeError' },
    })
  })

  test('a tracer that throws does not keep the batch from running', () => {
    const tracerProvider = {
      getTracer() {
        throw new Error('broken')
      },
    }
    expect(batchContext([pack(1)], (items) => items, { tracerProvider })).toEqual([1])
  })

  test.each([
    ['bindContext', () => bindContext('x' as never)],
    ['bindEmitter', () => bindEmitter(new EventTarget() as never)],
    ['bindEmitter', () => bindEmitter(undefined as never)],
    ['batchContext', () => batchContext([1 as never], () => 1)],
    ['batchContext', () => batchContext([], () => 1, { nam: 'x' } as never)],
  ])('%s says what is wrong with what it was given', (name, call) => {
    expect(call).toThrow(WaybillTypeError)
    expect(call).toThrow(`@waybill/core: ${name}() expected `)
  })
})
