import { contextVerdict } from '@waybill/core/testing'
import { afterAll, afterEach, beforeAll, describe, expect, inject, test } from 'vitest'
import { installSdk, type TestTelemetry } from '../telemetry.ts'
import { useRedis } from './case.ts'
import { batchSpans, cases, mendedVerdict } from './matrix.ts'
import { batchers } from './queues.ts'

const broker = inject('brokers').redis
const redisUrl = 'url' in broker ? broker.url : ''
useRedis(redisUrl)

describe('whose context is active where the work is done', () => {
  let telemetry: TestTelemetry
  beforeAll(() => {
    telemetry = installSdk()
  })
  afterEach(() => {
    expect(telemetry.recorder.open).toEqual([])
    telemetry.recorder.reset()
  })
  afterAll(() => telemetry.uninstall())

  test('agents-24: the matrix has 45 cases, and what is not right has what mends it', () => {
    expect(cases).toHaveLength(45)
    expect(new Set(cases.map(({ name }) => name)).size).toBe(45)
    // What mends a batch function is no other verdict but a span of its own: see below.
    const left = cases.filter(({ verdict, mended }) => verdict !== 'right' && mended === undefined)
    expect(left.map(({ name }) => name)).toEqual(batchers.map(({ name }) => name))
  })

  for (const { name, verdict, scenario, mended, needsRedis = false } of cases) {
    const check = test.skipIf(needsRedis && redisUrl === '')
    check(`agents-24: ${name}: ${verdict}`, async () => {
      expect(await contextVerdict(scenario)).toMatchObject({ verdict })
    })
    if (mended === undefined) continue
    check(`agents-24: ${name}: right with ${mended.by}`, async () => {
      expect(await mendedVerdict(mended.scenario)).toBe('right')
    })
  }

  test.each(batchers)(
    'agents-24: $name: with batchContext, a root that links all callers',
    async ({ run }) => {
      const { active, marks } = await batchSpans(run)
      const [batch] = telemetry.recorder.spans
      expect(telemetry.recorder.spans).toHaveLength(1)
      expect(batch?.parentSpanContext).toBeUndefined()
      expect(active).toEqual([batch, batch, batch])
      expect(batch?.links).toHaveLength(3)
      expect(marks).toEqual([
        ['A', undefined],
        ['B', undefined],
        ['C', undefined],
      ])
    },
  )
})
