import { context, trace } from '@opentelemetry/api'
import { contextVerdict } from '@waybill/core/testing'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { installSdk, type TestTelemetry } from '../telemetry.ts'
import { redisUrl } from './case.ts'
import { connectionCases } from './connections.ts'
import { emitterCases } from './emitters.ts'
import { languageCases } from './language.ts'
import { batchers, queueCases } from './queues.ts'
import { sandboxCases } from './sandbox.ts'
import { threadCases } from './threads.ts'

const cases = [
  ...languageCases,
  ...emitterCases,
  ...queueCases,
  ...connectionCases,
  ...threadCases,
  ...sandboxCases,
]

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

  test('agents-24: the matrix has 45 cases', () => {
    expect(cases).toHaveLength(45)
    expect(new Set(cases.map(({ name }) => name)).size).toBe(45)
  })

  for (const { name, verdict, scenario, mended, needsRedis = false } of cases) {
    const check = test.skipIf(needsRedis && redisUrl === '')
    check(`agents-24: ${name}: ${verdict}`, async () => {
      expect(await contextVerdict(scenario)).toMatchObject({ verdict })
    })
    if (mended === undefined) continue
    check(`agents-24: ${name}: right with ${mended.by}`, async () => {
      const { verdict: now, marks } = await contextVerdict(mended.scenario)
      // A loop belongs to nobody: there the right context is none.
      const detached = marks.every(({ owner, active }) => owner === 'nobody' && active === undefined)
      expect(detached ? 'right' : now).toBe('right')
    })
  }

  test.each(batchers)(
    'agents-24: $name: with batchContext, a root that links all callers',
    async ({ run }) => {
      const seen: unknown[] = []
      const { marks } = await contextVerdict(({ as, mark }) =>
        run({
          as,
          mark(owner) {
            seen.push(trace.getSpan(context.active()))
            mark(owner)
          },
        }),
      )
      const [batch] = telemetry.recorder.spans
      expect(telemetry.recorder.spans).toHaveLength(1)
      expect(batch?.parentSpanContext).toBeUndefined()
      expect(seen).toEqual([batch, batch, batch])
      expect(batch?.links).toHaveLength(3)
      expect(marks.map(({ owner, active }) => [owner, active])).toEqual([
        ['A', undefined],
        ['B', undefined],
        ['C', undefined],
      ])
    },
  )
})
