import { ROOT_CONTEXT } from '@opentelemetry/api'
import type { Processing, ProcessResult } from '@waybill/core/adapter'
import { expect, test } from 'vitest'
import { openDeliveries } from '../src/open-deliveries.ts'

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

test('a delivery ends when it is settled and handled, in either order', () => {
  const { ended, processing } = recording()
  const deliveries = openDeliveries()
  const first = deliveries.open(1, processing(1))
  const second = deliveries.open(2, processing(2))
  deliveries.settle(1, 'ack')
  second(undefined)
  expect(ended).toEqual([])
  first({ error: 'late' })
  deliveries.settle(2, 'nack')
  expect(ended).toEqual([
    [1, { failure: { error: 'late' }, outcome: 'ack' }],
    [2, { failure: undefined, outcome: 'nack' }],
  ])
})

test('what is settled twice, or by a stranger, ends nothing more', () => {
  const { ended, processing } = recording()
  const deliveries = openDeliveries()
  deliveries.open(1, processing(1))(undefined)
  deliveries.settle(1, 'ack')
  deliveries.settle(1, 'nack')
  deliveries.settleUpTo(0, 'channel_closed')
  deliveries.settle(99, 'ack')
  expect(ended).toHaveLength(1)
})

test('settling costs the same however many are in flight', () => {
  const cost = (inFlight: number): number => {
    const { processing } = recording()
    const deliveries = openDeliveries()
    for (let tag = 1; tag <= inFlight; tag++) deliveries.open(tag, processing(tag))(undefined)
    const started = performance.now()
    // Newest first: the order that a search from the oldest pays for.
    for (let tag = inFlight; tag > inFlight - 1000; tag--) deliveries.settle(tag, 'ack')
    return performance.now() - started
  }
  cost(30_000)
  const [few, many] = [1000, 30_000].map((inFlight) =>
    Math.min(...Array.from({ length: 5 }, () => cost(inFlight))),
  )
  // A linear search would be a hundred times as long, and more.
  expect(many! / few!).toBeLessThan(10)
})
