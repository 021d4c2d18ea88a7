import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { installSdk, type TestTelemetry } from '../../../integration-tests/telemetry.ts'
import { createLagGauge, type Lag } from '../src/lag.ts'
import { metricRecorder } from '../src/testing.ts'
import { adapter } from './scenario.ts'

const lagOf = (partition: string, messages: number): Lag => ({
  destination: { name: 'jobs' },
  group: 'g',
  partition,
  messages,
})

describe('the lag gauge', () => {
  let telemetry: TestTelemetry
  beforeEach(() => {
    telemetry = installSdk()
  })
  afterEach(() => telemetry.uninstall())

  test('reports what is known when metrics are collected', async () => {
    const gauge = createLagGauge(adapter(), () => [lagOf('0', 3), lagOf('1', 0)])
    gauge.watch()
    gauge.watch()
    const series = await telemetry.series('waybill.consumer.lag')
    expect(series.map(({ unit, value }) => [unit, value])).toEqual([
      ['{message}', 3],
      ['{message}', 0],
    ])
    expect(series[0]?.attributes).toEqual({
      'messaging.system.name': 'test',
      'messaging.operation.name': 'process',
      'messaging.destination.name': 'jobs',
      'messaging.consumer.group.name': 'g',
      'messaging.destination.partition.id': '0',
    })
    gauge.stop()
  })

  test('two consumers of one process share the metric', async () => {
    const gauges = ['0', '1'].map((id, i) => createLagGauge(adapter(), async () => [lagOf(id, i)]))
    for (const gauge of gauges) gauge.watch()
    expect((await telemetry.series('waybill.consumer.lag')).map(({ value }) => value)).toEqual([0, 1])
    for (const gauge of gauges) gauge.stop()
  })

  test.each([
    ['throws', () => Promise.resolve(null as never)],
    [
      'rejects',
      () => {
        throw new Error('broker gone')
      },
    ],
  ])('a reader that %s is told once, and harms nothing', async (_, read) => {
    createLagGauge(adapter(), read).watch()
    await telemetry.series('waybill.consumer.lag')
    await telemetry.series('waybill.consumer.lag')
    expect(telemetry.warnings.filter((line) => line.includes('reading the lag failed'))).toHaveLength(1)
  })

  test('moves to an SDK that starts later', async () => {
    await telemetry.uninstall()
    const gauge = createLagGauge(adapter(), () => [lagOf('0', 5)])
    gauge.watch()
    telemetry = installSdk()
    gauge.watch()
    expect((await telemetry.series('waybill.consumer.lag')).map(({ value }) => value)).toEqual([5])
    gauge.stop()
  })

  // With a recorder of ours: the SDK's cumulative temporality repeats a point that is no longer observed.
  test('reports nothing of places that have gone, and nothing at all once stopped', async () => {
    const metrics = metricRecorder()
    let lags = [lagOf('0', 3), lagOf('1', 0)]
    const gauge = createLagGauge(adapter({ meterProvider: metrics }), () => lags)
    gauge.watch()
    expect((await metrics.observe('waybill.consumer.lag')).map(({ value }) => value)).toEqual([3, 0])
    lags = [lagOf('1', 7)]
    expect((await metrics.observe('waybill.consumer.lag')).map(({ value }) => value)).toEqual([7])
    gauge.stop()
    expect(await metrics.observe('waybill.consumer.lag')).toEqual([])
  })
})
