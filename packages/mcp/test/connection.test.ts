import { ROOT_CONTEXT } from '@opentelemetry/api'
import { metricRecorder } from '@waybill/core/testing'
import { traceMcp } from '@waybill/mcp'
import { describe, expect, test } from 'vitest'
import { openCalls } from '../src/open-calls.ts'
import { connectionOf } from '../src/connection.ts'
import { endpointOf } from '../src/endpoint.ts'
import { boundedNames } from '../src/metrics.ts'
import type { Outcome } from '../src/outcome.ts'
import { fakePeer, fakeTransport } from './fakes.ts'

async function connected(fields?: object) {
  const transport = fakeTransport(fields)
  const meterProvider = metricRecorder()
  await traceMcp(fakePeer(), { meterProvider }).connect(transport)
  const errors = () =>
    meterProvider.of('mcp.client.operation.duration').map(({ attributes }) => attributes['error.type'])
  return { transport, meterProvider, errors }
}
const request = { id: 1, method: 'tools/list' }

describe('a request that gets no response', () => {
  test('a send that rejects or throws, with the very error', async () => {
    const { transport, errors } = await connected()
    const error = new RangeError('down')
    transport.answer = () => Promise.reject(error)
    await expect(transport.send(request)).rejects.toBe(error)
    transport.answer = () => {
      throw error
    }
    expect(() => transport.send(request)).toThrow(error)
    expect(errors()).toEqual(['RangeError', 'RangeError'])
    expect(connectionOf(transport)?.calls.size).toBe(0)
  })

  test('a stream of its own that ends without one, and what the SDK wants to know of that', async () => {
    const { transport, errors } = await connected({
      hasPerRequestStream: true,
      _url: new URL('http://localhost/'),
    })
    let told = 0
    await transport.send(request, { onRequestStreamEnd: () => void told++ })
    transport.options[0]?.onRequestStreamEnd?.()
    expect([told, errors()]).toEqual([1, ['connection_closed']])
  })

  test('an abort of its own stream; none after the response', async () => {
    const { transport, errors } = await connected()
    const [first, second] = [new AbortController(), new AbortController()]
    await transport.send(request, { requestSignal: first.signal })
    first.abort()
    await transport.send(request, { requestSignal: second.signal })
    transport.onmessage?.({ id: 1, result: {} })
    second.abort()
    expect(errors()).toEqual(['cancelled', undefined])
  })

  test('an answer whose id is the text of the number is one', async () => {
    const { transport, errors } = await connected()
    await transport.send(request)
    transport.onmessage?.({ id: '1', result: {} })
    expect([errors(), connectionOf(transport)?.calls.size]).toEqual([[undefined], 0])
  })

  test('the same id again: the one before is given up', async () => {
    const { transport, errors } = await connected()
    await transport.send(request)
    await transport.send(request)
    expect(errors()).toEqual(['abandoned'])
    transport.onmessage?.({ id: 1, result: {} })
    expect(errors()).toEqual(['abandoned', undefined])
  })
})

test('agents-11: a transport that two peers took has one span a request', async () => {
  const { transport, meterProvider } = await connected()
  await traceMcp(fakePeer(), { meterProvider }).connect(transport)
  transport.onmessage?.(request)
  await transport.send({ id: 1, result: {} })
  await transport.send(request)
  transport.onmessage?.({ id: 1, result: {} })
  expect(meterProvider.of('mcp.server.operation.duration')).toHaveLength(1)
  expect(meterProvider.of('mcp.client.operation.duration')).toHaveLength(1)
  expect(connectionOf(transport)?.serves.size).toBe(0)
})

test('open calls have a limit: the oldest is given up', () => {
  const ended: [number, Outcome][] = []
  const calls = openCalls(2)
  for (const id of [1, 2, 3])
    calls.add(id, {
      facts: { method: 'ping', name: undefined },
      context: ROOT_CONTEXT,
      end: (outcome) => void ended.push([id, outcome]),
    })
  expect(calls.size).toBe(2)
  expect(ended).toEqual([[1, { errorType: 'abandoned', description: 'more than 2 open requests' }]])
})

test('names of the other side make so many series, and no more', () => {
  const name = boundedNames(2)
  expect(['a', 'b', 'c', 'a', 'd'].map(name)).toEqual(['a', 'b', '_OTHER', 'a', '_OTHER'])
})

describe('where the other side is', () => {
  test.each([
    ['an HTTP client', { _url: new URL('https://tools.example.com/mcp') }, 'tools.example.com:443', true],
    ['a WebSocket client', { _url: new URL('ws://tools.example.com:81') }, 'tools.example.com:81', true],
    ['this machine', { _url: new URL('http://[::1]:3000/') }, '::1:3000', false],
    ['a stdio client', { _serverParams: {} }, undefined, false],
    ['a stdio server, served by a factory', { _wire: { _stdin: {} } }, undefined, false],
    ['an HTTP server', { handleRequest() {} }, undefined, true],
    ['a transport that nobody knows', {}, undefined, true],
  ])('%s', (_, fields, host, remote) => {
    expect(endpointOf(fields)).toMatchObject({ remote, ...(host !== undefined && { host }) })
  })
})
