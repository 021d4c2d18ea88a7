import { randomUUID } from 'node:crypto'
import { selftest } from '@waybill/doctor'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { adapters, urlOf } from './adapters.ts'
import { installSdk, type TestTelemetry } from '../telemetry.ts'

let telemetry: TestTelemetry
beforeEach(() => {
  telemetry = installSdk()
})
afterEach(() => telemetry.uninstall())

const brokerOf = { bullmq: 'redis', redis: 'redis', kafka: 'kafka', rabbitmq: 'rabbitmq' } as const
const words: Record<string, string> = {
  bullmq: 'new Worker(',
  redis: 'traceHandler(',
  kafka: 'traceConsumer(kafka.consumer(',
  rabbitmq: 'traceConsumer(channel)',
}

describe.each(Object.entries(adapters))('doctor-33: selftest through %s', (name, run) => {
  const absent = urlOf(brokerOf[name as keyof typeof brokerOf]) === ''

  test.skipIf(absent)(
    'finds one trace, a wait within tolerance and the baggage',
    async () => {
      const result = await run({}, `doctor-selftest-${randomUUID()}`)
      expect(result).toMatchObject({ arrived: true, context: 'parent', baggage: true, problems: [] })
      expect(result.transitMs).toBeLessThanOrEqual(result.measuredMs + 100)
      expect(telemetry.recorder.open).toEqual([])
    },
    20_000,
  )

  test.skipIf(absent)(
    'names the hop and the fix when the consumer is not wrapped',
    async () => {
      const destination = `doctor-selftest-${randomUUID()}`
      const { context, problems } = await run({ plainConsumer: true }, destination)
      expect(context).toBe('lost')
      expect(problems[0]).toContain(`context was lost on ${destination}`)
      expect(problems[0]).toContain(words[name])
    },
    20_000,
  )
})

test('doctor-33: a canary that never comes back is told', async () => {
  const { arrived, problems } = await selftest(
    () => undefined,
    () => undefined,
    { timeoutMs: 20, destination: 'nowhere' },
  )
  expect(arrived).toBe(false)
  expect(problems[0]).toContain('did not arrive from nowhere')
})
