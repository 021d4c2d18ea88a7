import { ROOT_CONTEXT } from '@opentelemetry/api'
import type { Processing, ProcessResult } from '@waybill/core/adapter'
import { describe, expect, test } from 'vitest'
import { openDeliveries } from '../src/open-deliveries.ts'
import type { DeliveryFields } from '../src/types.ts'

interface Recording {
  readonly ended: [number, ProcessResult][]
  readonly processing: (tag: number) => Processing
}

function recording(): Recording {
  const ended: [number, ProcessResult][] = []
  const processing = (tag: number): Processing => ({
    context: ROOT_CONTEXT,
    span: {} as never,
    end: (result = {}) => void ended.push([tag, result]),
  })
  return { ended, processing }
}

const fields = (deliveryTag: number, more: Partial<DeliveryFields> = {}): DeliveryFields => ({
  deliveryTag,
  redelivered: false,
  exchange: 'orders',
  routingKey: 'paid',
  ...more,
})

test('a delivery ends when it is settled and handled, in either order', () => {
  const { ended, processing } = recording()
  const deliveries = openDeliveries()
  const first = deliveries.open(fields(1), processing(1))
  const second = deliveries.open(fields(2), processing(2))
  deliveries.settle(fields(1), 'ack')
  deliveries.handled(second, undefined)
  expect(ended).toEqual([])
  deliveries.handled(first, { error: 'late' })
  deliveries.settle(fields(2), 'nack')
  expect(ended).toEqual([
    [1, { failure: { error: 'late' }, outcome: 'ack' }],
    [2, { failure: undefined, outcome: 'nack' }],
  ])
})

test('what is settled twice, or by a stranger, ends nothing more', () => {
  const { ended, processing } = recording()
  const deliveries = openDeliveries()
  deliveries.handled(deliveries.open(fields(1), processing(1)), undefined)
  deliveries.settle(fields(1), 'ack')
  deliveries.settle(fields(1), 'nack')
  deliveries.settleAll('channel_closed')
  deliveries.settle(fields(99), 'ack')
  expect(ended).toHaveLength(1)
})

test.each([
  ['the same fields', fields(1), true],
  ['a copy of them', { ...fields(1) }, true],
  ['the tag alone', { deliveryTag: 1 }, true],
  ['a message of a lost channel that came again', fields(1, { redelivered: true }), false],
  ['another message of a lost channel', fields(1, { routingKey: 'refunded' }), false],
])('settling by %s: %s', (_what, settled, ends) => {
  for (const method of ['settle', 'settleUpTo'] as const) {
    const { ended, processing } = recording()
    const deliveries = openDeliveries()
    deliveries.handled(deliveries.open(fields(1), processing(1)), undefined)
    deliveries[method](settled, 'ack')
    expect(ended).toHaveLength(ends ? 1 : 0)
  }
})

describe('a fetched message', () => {
  test('that nobody handles ends nothing', () => {
    const deliveries = openDeliveries()
    deliveries.fetch(fields(1))
    deliveries.settleAll('ack')
  })

  test.each(['handled first', 'settled first'])('%s: its handler has the outcome', (order) => {
    const { ended, processing } = recording()
    const deliveries = openDeliveries()
    const fetched = deliveries.fetch(fields(1))
    if (order === 'settled first') deliveries.settle(fields(1), 'ack')
    const done = fetched.handle(processing(1))
    done(undefined)
    if (order === 'handled first') {
      expect(ended).toEqual([])
      deliveries.settle(fields(1), 'ack')
    }
    expect(ended).toEqual([[1, { failure: undefined, outcome: 'ack' }]])
  })

  test('handled once more: the failure of the first is its own', () => {
    const { ended, processing } = recording()
    const deliveries = openDeliveries()
    const fetched = deliveries.fetch(fields(1))
    fetched.handle(processing(1))({ error: 'no' })
    fetched.handle(processing(2))(undefined)
    deliveries.settle(fields(1), 'ack')
    expect(ended).toEqual([
      [1, { failure: { error: 'no' }, outcome: undefined }],
      [2, { failure: undefined, outcome: 'ack' }],
    ])
  })

  test('handled twice at once: the later one has the outcome', () => {
    const { ended, processing } = recording()
    const deliveries = openDeliveries()
    const fetched = deliveries.fetch(fields(1))
    const [first, second] = [fetched.handle(processing(1)), fetched.handle(processing(2))]
    second(undefined)
    deliveries.settle(fields(1), 'ack')
    first(undefined)
    expect(ended.map(([tag, { outcome }]) => [tag, outcome])).toEqual([
      [2, 'ack'],
      [1, undefined],
    ])
  })
})

test('settling costs the same however many are in flight', () => {
  const cost = (inFlight: number): number => {
    const { processing } = recording()
    const deliveries = openDeliveries()
    for (let tag = 1; tag <= inFlight; tag++)
      deliveries.handled(deliveries.open(fields(tag), processing(tag)), undefined)
    const started = performance.now()
    // Newest first: the order that a search from the oldest pays for.
    for (let tag = inFlight; tag > inFlight - 1000; tag--) deliveries.settle(fields(tag), 'ack')
    return performance.now() - started
  }
  cost(30_000)
  const [few, many] = [1000, 30_000].map((inFlight) =>
    Math.min(...Array.from({ length: 5 }, () => cost(inFlight))),
  )
  // A linear search would be a hundred times as long, and more.
  expect(many! / few!).toBeLessThan(10)
})
