import fs from 'node:fs'
import { expect, test } from 'vitest'
import { greetAmqp, serverVersion } from '../src/handshake/amqp.ts'
import { dribble, tcpServer } from './tcp-server.ts'

const recorded = fs.readFileSync(new URL('recorded/rabbitmq-4.0.5-connection-start.bin', import.meta.url))
const FRAME_HEADER = 7

test('Connection.Start of a real RabbitMQ, in pieces', async () => {
  const { port } = await tcpServer((socket) => {
    socket.once('data', (header: Buffer) => {
      if (header.equals(Buffer.from('AMQP\x00\x00\x09\x01', 'latin1'))) void dribble(socket, recorded)
    })
  })
  expect(await greetAmqp(`amqp://guest:guest@127.0.0.1:${port}/vhost`)).toBe('4.0.5')
})

test('a broker of another make is named', () => {
  const text = recorded.toString('latin1').replace('RabbitMQ', 'LavinMQ!')
  expect(serverVersion(Buffer.from(text, 'latin1').subarray(FRAME_HEADER))).toBe('4.0.5 (LavinMQ!)')
})

test('a protocol header in return means that the version of AMQP is refused', async () => {
  const { port } = await tcpServer((socket) => socket.write(Buffer.from('AMQP\x00\x01\x00\x00', 'latin1')))
  await expect(greetAmqp(`amqp://127.0.0.1:${port}`)).rejects.toThrow('not an AMQP method frame')
})

test('another method than Connection.Start is not one', () => {
  expect(() => serverVersion(Buffer.from([0, 10, 0, 50, 0, 0, 0, 0, 0, 0]))).toThrow('not Connection.Start')
})
