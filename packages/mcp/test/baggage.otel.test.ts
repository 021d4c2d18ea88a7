import { context, propagation } from '@opentelemetry/api'
import { traceMcp, type McpOptions } from '@waybill/mcp'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { installSdk, type TestTelemetry } from '../../../integration-tests/telemetry.ts'
import type { McpMessage } from '../src/types.ts'
import { fakePeer, fakeTransport } from './fakes.ts'

let telemetry: TestTelemetry
beforeEach(() => {
  telemetry = installSdk()
})
afterEach(() => telemetry.uninstall())

/** What a server over HTTP tells its client of baggage, from within a handler that has set some of its own. */
async function sentBack(options?: McpOptions): Promise<unknown> {
  const transport = fakeTransport({ handleRequest() {} })
  const handler = (message: McpMessage): void => {
    if (message.method !== 'tools/call') return
    const brought = propagation.getActiveBaggage()
    const own = brought
      ?.setEntry('user.id', { value: 'found here' })
      .setEntry('internal.id', { value: 'secret' })
    context.with(propagation.setBaggage(context.active(), own!), () => {
      void transport.send({ method: 'notifications/message', params: {} })
    })
  }
  await traceMcp(fakePeer(handler), options).connect(transport)
  const _meta = { baggage: 'session.id=s-42,user.id=u-7,tenant=7' }
  transport.onmessage?.({ id: 1, method: 'tools/call', params: { name: 'search', _meta } })
  await transport.send({ id: 1, result: {} })
  const [notification] = transport.sent as { params: { _meta: Record<string, unknown> } }[]
  return notification?.params._meta['baggage']
}

test('agents-12: a server over HTTP sends back what its client brought, as it was, and nothing else', async () => {
  expect(await sentBack()).toBe('session.id=s-42,tenant=7')
  expect(await sentBack({ sendBaggage: ['tenant', 'internal.id'] })).toBe('tenant=7')
  expect(await sentBack({ acceptBaggage: ['session.id'] })).toBe('session.id=s-42')
})
