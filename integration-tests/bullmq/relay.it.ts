import { context, propagation, ROOT_CONTEXT } from '@opentelemetry/api'
import { traceRelay } from '@waybill/bullmq'
import { Relay, type RelayMessage } from 'bullmq'
import { describe, expect, test, vi } from 'vitest'
import { idOf, linksOf, ms, onBackends, parentOf, redisUrl, valuesOf } from './suite.ts'

describe('a relay', () => {
  onBackends(['ioredis'], (suite) => {
    const open = (): Relay => {
      const relay = new Relay({ connection: { url: redisUrl }, namespace: suite.scratch.name.slice(0, 40) })
      relay.on('error', () => undefined)
      return relay
    }

    test('bullmq-31: publish and deliveries are one trace with baggage; transit counts from the time of the message', async () => {
      const options = { transitSpan: { minMs: 0 }, template: () => 'jobs.*.progress' }
      const [sender, receiver] = [traceRelay(open(), options), traceRelay(open(), options)]
      const got: [RelayMessage, string | undefined][] = []
      await receiver.subscribe('jobs.*.progress', (message) => {
        got.push([message, propagation.getActiveBaggage()?.getEntry('tenant')?.value])
      })
      const baggage = propagation.createBaggage({ tenant: { value: 'acme' } })
      await context.with(propagation.setBaggage(ROOT_CONTEXT, baggage), () =>
        sender.publish('jobs.42.progress', { percent: 7 }),
      )
      await vi.waitFor(() => expect(got).toHaveLength(1), { timeout: 5000 })
      const [[message, tenant] = []] = got
      expect(message?.data).toEqual({ percent: 7 })
      expect(tenant).toBe('acme')
      await Promise.all([sender.close(), receiver.close()])
      const [publish] = suite.spans('publish')
      const [deliver] = suite.spans('deliver')
      const [transit] = suite.spans('transit')
      expect([publish, deliver].map((span) => span?.name)).toEqual([
        'publish jobs.*.progress',
        'deliver jobs.*.progress',
      ])
      expect([parentOf(deliver), parentOf(transit)]).toEqual([idOf(publish), idOf(publish)])
      expect(ms(transit!.startTime)).toBe(message?.ts)
      expect(valuesOf([publish!, deliver!], 'messaging.message.id')).toEqual([message?.mid, message?.mid])
      expect(deliver?.attributes).toMatchObject({
        'messaging.destination.name': 'jobs.42.progress',
        'messaging.client.id': receiver.nodeId,
      })
    })

    test('bullmq-31: a retained message is linked, and no wait is claimed; data of others passes as it is', async () => {
      const [sender, plain, receiver] = [traceRelay(open()), open(), traceRelay(open())]
      await sender.publish('state', 'up', { retain: 60_000 })
      const got: RelayMessage[] = []
      await receiver.subscribe('state', (message) => void got.push(message))
      await plain.publish('state', { data: 1 })
      await vi.waitFor(() => expect(got).toHaveLength(2), { timeout: 5000 })
      expect(got.map(({ data, retained }) => [data, retained])).toEqual([
        ['up', true],
        [{ data: 1 }, false],
      ])
      await Promise.all([sender, plain, receiver].map((relay) => relay.close()))
      const [retained, live] = suite.spans('deliver')
      expect(parentOf(retained)).toBeUndefined()
      expect(linksOf(retained)).toEqual([idOf(suite.spans('publish')[0])])
      expect(retained?.attributes['waybill.transit.unknown']).toBe('replayed')
      expect(live?.attributes['waybill.root.reason']).toBe('no_carrier')
    })

    test('bullmq-31: what is no relay is refused', () => {
      expect(() => traceRelay({} as never)).toThrow(/traceRelay\(\) expected BullMQ's Relay, got an object/)
    })
  })
})
