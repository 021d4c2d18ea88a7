import { expect, test } from 'vitest'
import { metricRecorder } from '@waybill/core/testing'
import { traceProducer } from '../src/index.ts'

/** A client that answers as Redis would and keeps what it was told. */
function fakeClient() {
  const calls: unknown[][] = []
  return { calls, xadd: (...args: unknown[]) => Promise.resolve((calls.push(args), '1700000000000-0')) }
}

const options = { meterProvider: metricRecorder() }

test('IDMPAUTO derives the identity from the content: nothing is added to it', async () => {
  const client = traceProducer(fakeClient(), options)
  await client.xadd('s', 'IDMPAUTO', 'producer', '*', 'a', '1')
  expect(client.calls).toEqual([['s', 'IDMPAUTO', 'producer', '*', 'a', '1']])
})

test('IDMP has an identity of its own: context is written', async () => {
  const client = traceProducer(fakeClient(), options)
  await client.xadd('s', 'IDMP', 'producer', 'id-1', '*', 'a', '1')
  expect(client.calls[0]?.slice(0, 7)).toEqual(['s', 'IDMP', 'producer', 'id-1', '*', 'a', '1'])
  expect(client.calls[0]).toContain('waybill')
})
