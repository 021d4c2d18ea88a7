import { traceTree } from '@waybill/core/testing'
import { Client as Client2 } from '@modelcontextprotocol/client'
import { describe, expect, test, vi } from 'vitest'
import { inSpan, mark, telemetryOfTest, traceOf } from './telemetry-of-test.ts'
import { wirings } from './wirings.ts'

describe.each(wirings.filter(({ revision }) => revision === '2026-07-28'))('$name', ({ wire }) => {
  const seen = telemetryOfTest()

  test('agents-13: a subscription keeps no span open, and what it brings is no part of its trace', async () => {
    const wired = await wire()
    const client = wired.client as Client2
    client.setNotificationHandler('notifications/tools/list_changed', () => mark('tools changed'))
    const subscription = await inSpan('agent run', () => client.listen({ toolsListChanged: true }))
    expect(subscription.honoredFilter).toEqual({ toolsListChanged: true })
    expect(seen.telemetry.recorder.open).toEqual([])
    expect(traceTree(traceOf(seen.spans, 'agent run'))).toBe('agent run\n  subscriptions/listen')

    await wired.toolsChanged()
    await vi.waitFor(() => expect(seen.named('tools changed')).toHaveLength(1))
    expect(traceOf(seen.spans, 'tools changed').map(({ name }) => name)).not.toContain('agent run')
    expect(seen.telemetry.recorder.open).toEqual([])
    await subscription.close()
    expect(seen.named('subscriptions/listen').map(({ attributes }) => attributes['error.type'])).toEqual([
      undefined,
    ])
    await wired.close()
  })
})
