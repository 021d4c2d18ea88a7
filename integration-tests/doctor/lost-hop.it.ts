import { randomUUID } from 'node:crypto'
import { diagnoseSpans, type SdkSpan } from '@waybill/doctor'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { installSdk, type TestTelemetry } from '../telemetry.ts'
import { adapters, urlOf } from './adapters.ts'

let telemetry: TestTelemetry
beforeEach(() => {
  telemetry = installSdk()
})
afterEach(() => telemetry.uninstall())

const brokerOf = { bullmq: 'redis', redis: 'redis', kafka: 'kafka', rabbitmq: 'rabbitmq' } as const
const fixes: Record<string, string> = {
  bullmq: 'new Queue(',
  redis: 'traceProducer(redis)',
  kafka: 'traceProducer(kafka.producer())',
  rabbitmq: 'traceProducer(channel)',
}

describe.each(Object.entries(adapters))('doctor-2: spans of ours through %s', (name, run) => {
  const absent = urlOf(brokerOf[name as keyof typeof brokerOf]) === ''
  const diagnose = async (destination: string) => {
    // The spans of a handler end after it has been seen.
    await vi.waitFor(() => expect(telemetry.recorder.open).toEqual([]))
    const spans = telemetry.recorder.spans as unknown as SdkSpan[]
    return diagnoseSpans(spans).findings.filter(({ hop }) => hop.destination === destination)
  }

  test.skipIf(absent)(
    'a message whose context was not written is named with its hop, and the producer',
    async () => {
      const destination = `doctor-lost-${randomUUID()}`
      await run({ muteProducer: true }, destination)
      const findings = await diagnose(destination)
      expect(findings).toMatchObject([
        {
          rule: 'MQ-CONTEXT-LOST',
          level: 'certain',
          count: 1,
          side: 'producer',
          hop: { system: name, destination },
        },
      ])
      expect(findings[0]?.fix).toContain(fixes[name])
    },
    20_000,
  )

  test.skipIf(absent)(
    'a sound message gets no finding',
    async () => {
      const destination = `doctor-sound-${randomUUID()}`
      await run({}, destination)
      expect(await diagnose(destination)).toEqual([])
    },
    20_000,
  )
})
