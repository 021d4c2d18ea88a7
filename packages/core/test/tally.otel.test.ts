import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { installSdk, type TestTelemetry } from '../../../integration-tests/telemetry.ts'
import { metricRecorder } from '../src/testing.ts'
import { process } from '../src/process.ts'
import { send } from '../src/send.ts'
import { adapter, delivered } from './scenario.ts'

const publish = (name: string, options = {}): void =>
  send(adapter(options), { operation: 'send', destination: { name } }, () => undefined)

describe('counters that are gathered until metrics are collected', () => {
  let telemetry: TestTelemetry
  beforeEach(() => {
    telemetry = installSdk()
  })
  afterEach(() => telemetry.uninstall())
  const sent = async () =>
    (await telemetry.series('messaging.client.sent.messages')).map(({ attributes, value }) => [
      attributes['messaging.destination.name'],
      value,
    ])

  test('every collection has the exact sum of each series, whatever was held back', async () => {
    for (let i = 0; i < 250; i++) publish('a')
    for (let i = 0; i < 3; i++) publish('b')
    expect(await sent()).toEqual([
      ['a', 250],
      ['b', 3],
    ])
    expect(await sent()).toEqual([
      ['a', 250],
      ['b', 3],
    ])
    publish('b')
    expect(await sent()).toContainEqual(['b', 4])
  })

  test('a failure is a series of its own', async () => {
    publish('a')
    expect(() =>
      send(adapter(), { operation: 'send', destination: { name: 'a' } }, () => {
        throw new RangeError('mine')
      }),
    ).toThrow(RangeError)
    const series = await telemetry.series('messaging.client.sent.messages')
    expect(series.map(({ attributes, value }) => [attributes['error.type'], value])).toEqual(
      expect.arrayContaining([
        [undefined, 1],
        ['RangeError', 1],
      ]),
    )
  })

  test('series by outcome, group and template stay apart', async () => {
    const more = [
      {},
      { group: 'g' },
      { destination: { name: 'x', template: 'jobs' } },
      { destination: { name: 'jobs', anonymous: true } },
    ]
    for (const each of more) process(adapter(), delivered({}, each), () => undefined)
    const series = await telemetry.series('messaging.client.consumed.messages')
    expect(series.map(({ attributes, value }) => [Object.keys(attributes).slice(2), value])).toEqual([
      [['messaging.destination.name'], 1],
      [['messaging.destination.name', 'messaging.consumer.group.name'], 1],
      [['messaging.destination.template'], 1],
      [[], 1],
    ])
  })

  test('thousands of destinations: all are counted, and no more than a bound is kept', () => {
    const meterProvider = metricRecorder()
    for (let i = 0; i < 1500; i++) publish(`tenant-${i}`, { meterProvider })
    for (let i = 0; i < 1500; i++) publish(`tenant-${i}`, { meterProvider })
    const points = meterProvider.of('messaging.client.sent.messages')
    expect(new Set(points.map(({ attributes }) => attributes['messaging.destination.name'])).size).toBe(1500)
    expect(points.reduce((sum, { value }) => sum + value, 0)).toBe(3000)
    // Beyond the bound each addition is told at once.
    expect(points).toHaveLength(1000 + 2 * 500)
  })

  test('a meter that never collects is not far behind', () => {
    const added: number[] = []
    const counter = { add: (count: number) => void added.push(count), record: () => undefined }
    const meter = new Proxy({}, { get: () => () => counter })
    for (let i = 0; i < 250; i++) publish('a', { meterProvider: { getMeter: () => meter } })
    expect(added).toEqual([100, 100])
  })
})
