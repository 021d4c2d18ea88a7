import { describe, expect, test } from 'vitest'
import { createDeliveries, type Deliveries, type Delivery } from '../src/deliveries.ts'

/** Hands offsets over, lets the handler end, and tells what each of them was. */
function deliver(
  deliveries: Deliveries,
  offsets: readonly number[],
  comesAgain = false,
  partition = 0,
): Delivery[] {
  const handedOver = deliveries.handOver(
    'orders',
    partition,
    offsets.at(0) ?? Number.NaN,
    offsets.at(-1) ?? Number.NaN,
  )
  const seen = offsets.map((offset) => handedOver.of(offset))
  handedOver.end(comesAgain)
  return seen
}

const first = { attempt: 1 }
const again: Delivery = { unknown: 'redelivered' }

describe('which messages were seen before', () => {
  test('new offsets are first deliveries, gaps included', () => {
    const deliveries = createDeliveries()
    expect([4, 5, 9].flatMap((offset) => deliver(deliveries, [offset]))).toEqual([first, first, first])
  })

  test('a message that failed comes with its attempt, until it succeeds', () => {
    const deliveries = createDeliveries()
    const attempts = [true, true, false].flatMap((fails) => deliver(deliveries, [7], fails))
    expect(attempts).toEqual([
      first,
      { unknown: 'redelivered', attempt: 2 },
      { unknown: 'redelivered', attempt: 3 },
    ])
    expect(deliver(deliveries, [8])).toEqual([first])
  })

  test('a message that succeeded is a replay', () => {
    const deliveries = createDeliveries()
    deliver(deliveries, [7])
    expect(deliver(deliveries, [7])).toEqual([{ unknown: 'replayed', relation: 'link' }])
  })

  test('a replay that fails stays linked, and has no attempt that could be told', () => {
    const deliveries = createDeliveries()
    deliver(deliveries, [7])
    deliver(deliveries, [7], true)
    expect(deliver(deliveries, [7])).toEqual([
      { unknown: 'redelivered', attempt: undefined, relation: 'link' },
    ])
  })

  test('seeking back before a failed message: a replay up to it, then its next attempt', () => {
    const deliveries = createDeliveries()
    for (const offset of [3, 4]) deliver(deliveries, [offset])
    deliver(deliveries, [5], true)
    const seen = [3, 4, 5, 6].flatMap((offset) => deliver(deliveries, [offset]))
    expect(seen.map(({ unknown, attempt }) => unknown ?? attempt)).toEqual([
      'replayed',
      'replayed',
      'redelivered',
      1,
    ])
    expect(seen[2]?.attempt).toBe(2)
  })

  test('a message that failed and was skipped is still one that failed', () => {
    const deliveries = createDeliveries()
    deliver(deliveries, [5], true)
    deliver(deliveries, [6])
    expect(deliver(deliveries, [5])).toEqual([{ unknown: 'redelivered', attempt: 2 }])
  })

  test('a batch that failed: what was resolved is done, the rest comes again', () => {
    const deliveries = createDeliveries()
    deliver(deliveries, [0, 1, 2, 3], true)
    expect(deliver(deliveries, [2, 3])).toEqual([
      { unknown: 'redelivered', attempt: 2 },
      { unknown: 'redelivered', attempt: 2 },
    ])
    expect(deliver(deliveries, [0, 1]).map(({ unknown }) => unknown)).toEqual(['replayed', 'replayed'])
  })

  test('a batch that mixes seen and new messages gives no attempt for the next time, since it differs', () => {
    const deliveries = createDeliveries()
    deliver(deliveries, [0, 1], true)
    expect(deliver(deliveries, [0, 1, 2], true)).toEqual([
      { unknown: 'redelivered', attempt: 2 },
      { unknown: 'redelivered', attempt: 2 },
      first,
    ])
    expect(deliver(deliveries, [0, 1, 2, 3])).toEqual([again, again, again, first])
  })

  test('a smaller batch after a failure leaves the rest to come', () => {
    const deliveries = createDeliveries()
    deliver(deliveries, [0, 1, 2, 3], true)
    deliver(deliveries, [0, 1])
    expect(deliver(deliveries, [2, 3])).toEqual([
      { unknown: 'redelivered', attempt: 2 },
      { unknown: 'redelivered', attempt: 2 },
    ])
    deliver(deliveries, [4, 5, 6], true)
    deliver(deliveries, [4], true)
    expect(deliver(deliveries, [4, 5, 6]).map(({ unknown }) => unknown)).toEqual(Array(3).fill('redelivered'))
  })

  test('partitions are counted apart', () => {
    const deliveries = createDeliveries()
    deliver(deliveries, [7], false, 0)
    expect(deliver(deliveries, [7], false, 1)).toEqual([first])
  })

  describe('after a join of the group', () => {
    test('partitions that are gone are forgotten, also while their handler runs', () => {
      const deliveries = createDeliveries()
      const running = deliveries.handOver('orders', 0, 7, 7)
      deliveries.rejoined({ orders: [1], others: [0] })
      running.end(true)
      expect(deliver(deliveries, [7])).toEqual([first])
    })

    test('on those that stayed, what was not committed is redelivered, up to the first new message', () => {
      const deliveries = createDeliveries()
      deliver(deliveries, [6])
      deliver(deliveries, [7], true)
      deliveries.rejoined({ orders: [0] })
      expect([6, 7, 8, 6].flatMap((offset) => deliver(deliveries, [offset]))).toEqual([
        { unknown: 'redelivered' },
        { unknown: 'redelivered', attempt: 2 },
        first,
        { unknown: 'replayed', relation: 'link' },
      ])
    })

    test.each([undefined, null, 'rubbish', { orders: 'x' }])(
      'an assignment of %j forgets all',
      (assignment) => {
        const deliveries = createDeliveries()
        deliver(deliveries, [7])
        deliveries.rejoined(assignment)
        expect(deliver(deliveries, [7])).toEqual([first])
      },
    )
  })

  test('offsets that are no numbers say nothing', () => {
    const deliveries = createDeliveries()
    const handedOver = deliveries.handOver('orders', 0, Number.NaN, Number.NaN)
    expect(handedOver.of(Number.NaN)).toEqual({})
    expect(() => handedOver.end(true)).not.toThrow()
    expect(deliver(deliveries, [7])).toEqual([first])
  })
})
