import { expect, test } from 'vitest'
import { createPartitions } from '../src/partitions.ts'

test('the batch at work and the lag, by partition', () => {
  const partitions = createPartitions()
  partitions.begin('orders', 0, '7', 1000)
  partitions.begin('orders', 1, '0', 2000)
  partitions.begin('orders', 0, '3', 3000)
  expect(partitions.begunOf('orders', 0)).toBe(3000)
  expect(partitions.begunOf('orders', 1)).toBe(2000)
  expect(partitions.begunOf('bills', 1)).toBeUndefined()
  expect([...partitions.lags('g')]).toEqual(
    [3, 0].map((messages, i) => ({
      destination: { name: 'orders' },
      group: 'g',
      partition: String(i),
      messages,
    })),
  )
})

test.each(['-1', null, undefined, 'rubbish', '1.5'])('a lag of %o is not known', (lag) => {
  const partitions = createPartitions()
  partitions.begin('orders', 0, lag)
  expect([...partitions.lags(undefined)]).toEqual([])
})

test('what is no longer assigned is forgotten', () => {
  const partitions = createPartitions()
  for (const topic of ['orders', 'bills']) for (const id of [0, 1]) partitions.begin(topic, id, '1', 1)
  partitions.keep({ orders: [1] })
  expect([...partitions.lags(undefined)].map(({ partition }) => partition)).toEqual(['1'])
  partitions.keep(undefined)
  expect([...partitions.lags(undefined)]).toEqual([])
  expect(partitions.begunOf('orders', 1)).toBeUndefined()
})
