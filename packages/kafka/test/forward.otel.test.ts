import { context, ROOT_CONTEXT } from '@opentelemetry/api'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { installSdk, type TestTelemetry } from '../../../integration-tests/telemetry.ts'
import {
  forwardMessage,
  traceHandler,
  traceProducer,
  type ForwardedMessage,
  type MessagePayload,
} from '../src/index.ts'
import { deepFreeze, fakeProducer, record, TRACEPARENT } from './fakes.ts'

const payload = (headers: object = {}): MessagePayload => ({
  topic: 'orders',
  partition: 3,
  message: record(7, { key: Buffer.from('k'), headers }),
})

describe('a message to send on', () => {
  let telemetry: TestTelemetry
  beforeEach(() => {
    telemetry = installSdk()
  })
  afterEach(async () => {
    expect(telemetry.recorder.open).toEqual([])
    await telemetry.uninstall()
  })

  test('key, value and sendable headers are kept; the consumed one stays what it was', () => {
    const headers = Object.fromEntries([
      ['kind', Buffer.from('order')],
      ['list', ['a', Buffer.from('b')]],
      ['n', 7],
      ['f', () => undefined],
      ['toString', 'x'],
      ['__proto__', 'x'],
      ['hasOwnProperty', 'x'],
      ['Waybill', 'sent=1'],
      ['traceparent', TRACEPARENT],
    ])
    const given = deepFreeze(payload(headers))
    const made = forwardMessage(given, { headers: { error: 'x' } })
    expect(made.key).toBe(given.message.key)
    expect(made.value).toBe(given.message.value)
    expect(Object.keys(made.headers)).toEqual([
      'kind',
      'list',
      'traceparent',
      'waybill-original-topic',
      'waybill-original-partition',
      'waybill-original-offset',
      'error',
    ])
    expect(made).not.toHaveProperty('timestamp')
  })

  test('changes win, a tombstone included', () => {
    expect(forwardMessage(payload(), { key: 'other', value: null })).toMatchObject({
      key: 'other',
      value: null,
    })
  })

  test('where it was first stays; the attempt is that of this delivery, or none', () => {
    const before = {
      'waybill-original-topic': 'first',
      'waybill-original-partition': '0',
      'waybill-original-offset': '1',
      'waybill-attempt': '9',
    }
    const { headers } = forwardMessage(payload(before))
    expect(headers).toEqual({ ...before, 'waybill-attempt': undefined })
    let inside: ForwardedMessage | undefined
    traceHandler((given: MessagePayload) => {
      inside = forwardMessage(given)
    })(payload(before))
    expect(inside?.headers['waybill-attempt']).toBe('1')
  })

  test('in the handler of another message, or outside of any, nothing of that one is told', () => {
    let made: ForwardedMessage | undefined
    traceHandler(() => {
      made = forwardMessage(payload())
    })(payload())
    expect(made?.headers).not.toHaveProperty('waybill-attempt')
    expect(forwardMessage(payload()).headers).not.toHaveProperty('waybill-attempt')
  })

  test('sent outside of the handler it still links its span and carries the origin on', async () => {
    const producer = traceProducer(fakeProducer())
    const origin = Date.now() - 900
    let made: ForwardedMessage | undefined
    traceHandler((given: MessagePayload) => {
      made = forwardMessage(given)
    })(payload({ traceparent: TRACEPARENT, waybill: `sent=${origin + 100};origin=${origin}` }))
    await context.with(ROOT_CONTEXT, () => producer.send({ topic: 'dead', messages: [made as never] }))
    const handled = telemetry.recorder.spans.find(({ name }) => name === 'process orders')
    const sent = telemetry.recorder.spans.find(({ name }) => name === 'send dead')
    expect(sent?.links.map((link) => link.context.spanId)).toEqual([
      TRACEPARENT.split('-')[2],
      handled?.spanContext().spanId,
    ])
    const { headers } = producer.sent[0]?.messages[0] ?? {}
    expect(headers?.['waybill']).toMatch(new RegExp(`origin=${origin}$`))
    expect(headers?.['traceparent']).toContain(sent?.spanContext().spanId)
  })

  test('of a message that is not believed no origin is carried on', async () => {
    const producer = traceProducer(fakeProducer())
    const origin = Date.now() - 900
    let made: ForwardedMessage | undefined
    traceHandler(
      (given: MessagePayload) => {
        made = forwardMessage(given)
      },
      { trust: 'link' },
    )(payload({ traceparent: TRACEPARENT, waybill: `sent=${origin};origin=${origin}` }))
    await producer.send({ topic: 'dead', messages: [made as never] })
    expect(producer.sent[0]?.messages[0]?.headers?.['waybill']).not.toContain(String(origin))
  })
})
