import { expect, test } from 'vitest'
import { bareHost, exchange } from '../src/handshake/exchange.ts'
import { dribble, tcpServer } from './tcp-server.ts'

const hello = Buffer.from('hello')

test('reads on until the answer is complete', async () => {
  const address = await tcpServer((socket) => void dribble(socket, Buffer.from('0123456789!')))
  const answer = await exchange(address, hello, (received) =>
    received.at(-1) === 0x21 ? String(received) : undefined,
  )
  expect(answer).toBe('0123456789!')
})

test('a port proxy that accepts and closes again is no broker', async () => {
  const address = await tcpServer((socket) => socket.end())
  await expect(exchange(address, hello, () => true)).rejects.toThrow(
    'closed the connection without an answer',
  )
})

test('a port where nobody listens is named with the reason', async () => {
  const address = await tcpServer(() => {})
  const free = { host: '127.0.0.1', port: 1 }
  await expect(exchange(free, hello, () => true)).rejects.toThrow('127.0.0.1:1: ECONNREFUSED')
  await expect(exchange(address, hello, () => true, 30)).rejects.toThrow('did not answer in 30 ms')
})

test('an answer that cannot be right ends the exchange at once', async () => {
  const address = await tcpServer((socket) => socket.write('nonsense'))
  const read = () => {
    throw new Error('not my protocol')
  }
  await expect(exchange(address, hello, read)).rejects.toThrow('not my protocol')
})

test('hosts of URLs', () => {
  expect(bareHost('[::1]')).toBe('::1')
  expect(bareHost('localhost')).toBe('localhost')
  expect(bareHost('')).toBe('127.0.0.1')
})
