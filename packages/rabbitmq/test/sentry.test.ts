import { tracingChannel } from 'node:diagnostics_channel'
import { createTelemetry } from '@waybill/core/adapter'
import { describe, expect, test } from 'vitest'
import { isBesideSentry, shareBaggage } from '../src/sentry.ts'
import { warningsOfTest } from './warnings.ts'

const telemetry = createTelemetry({
  packageName: '@waybill/rabbitmq',
  functionName: 'test',
  version: '0',
  system: 'rabbitmq',
})

describe("rabbitmq-26: Sentry's integration", () => {
  const warnings = warningsOfTest()

  test('is noticed where it listens, and said once', () => {
    expect(isBesideSentry(telemetry)).toBe(false)
    const channel = tracingChannel('orchestrion:amqplib:publish')
    const listener = (): void => undefined
    channel.start.subscribe(listener)
    try {
      expect(isBesideSentry(telemetry)).toBe(true)
      expect(isBesideSentry(telemetry)).toBe(true)
    } finally {
      channel.start.unsubscribe(listener)
    }
    expect(warnings).toEqual([expect.stringContaining("name !== 'Amqplib'")])
  })

  /** Sets the header as Sentry 11 does: with no look at what is there. */
  const written = (ours: unknown, theirs: unknown): unknown => {
    const headers: Record<string, unknown> = ours === undefined ? {} : { baggage: ours }
    shareBaggage(headers)
    headers['baggage'] = theirs
    // amqplib reads headers through an object that inherits from them.
    const encoded = Object.create(headers) as Record<string, unknown>
    const names: string[] = []
    for (const name in encoded) names.push(name)
    expect(names).toEqual(['baggage'])
    return encoded['baggage']
  }

  test.each([
    ['tenant=acme', 'sentry-trace_id=1,sentry-release=2', 'tenant=acme,sentry-trace_id=1,sentry-release=2'],
    ['tenant=acme', 'tenant=evil, sentry-release=2', 'tenant=acme, sentry-release=2'],
    ['tenant=acme', 7, 'tenant=acme'],
    ['tenant=acme', `sentry-release=${'x'.repeat(9000)}`, 'tenant=acme'],
    [undefined, 'sentry-release=2', 'sentry-release=2'],
  ])('our members %o and theirs %o', (ours, theirs, both) => {
    expect(written(ours, theirs)).toBe(both)
  })
})
