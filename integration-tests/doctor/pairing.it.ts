import { randomUUID } from 'node:crypto'
import { trace } from '@opentelemetry/api'
import { afterEach, beforeEach, expect, inject, test } from 'vitest'
import { diagnosisOf } from '../../packages/doctor/test/made-spans.ts'
import { installSdk, type TestTelemetry } from '../telemetry.ts'
import { accuracy, byIdentity, byRank, JOBS, loads, rawSpans, runLoad } from './pairing.ts'

const broker = inject('brokers').redis

let telemetry: TestTelemetry
beforeEach(() => {
  telemetry = installSdk()
})
afterEach(() => telemetry.uninstall())

test.skipIf('missing' in broker)(
  `doctor-4: ${JOBS} orphaned jobs under concurrency 8 with delays: every pair right by id, none claimed without`,
  async () => {
    const load = loads.at(-1)!
    await runLoad(
      load,
      trace.getTracer('app'),
      (broker as { url: string }).url,
      `doctor-pairing-${randomUUID()}`,
    )
    const spans = rawSpans(telemetry.recorder.spans)
    const pairs = byIdentity(spans)
    expect(pairs.size).toBe(JOBS)
    expect(accuracy(pairs)).toBe(1)
    // By time it would be a guess.
    expect(accuracy(byRank(spans))).toBeLessThan(0.5)
    const lost = diagnosisOf(spans).findings.filter(({ rule }) => rule === 'MQ-CONTEXT-LOST')
    expect(lost).toMatchObject([{ level: 'certain', count: JOBS }])

    const anonymous = spans.map((span) => ({
      ...span,
      attributes: { ...span.attributes, 'bullmq.job.id': '' },
    }))
    expect(byIdentity(anonymous).size).toBe(0)
    const hop = diagnosisOf(anonymous).findings.filter(({ rule }) => rule === 'MQ-CONTEXT-LOST')
    expect(hop.map(({ level }) => level)).not.toContain('certain')
    expect(hop.reduce((sum, { count }) => sum + count, 0)).toBe(JOBS)
    for (const { evidence } of hop) for (const { traces } of evidence) expect(traces).toHaveLength(1)
  },
  20_000,
)
