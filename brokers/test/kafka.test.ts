import fs from 'node:fs'
import { expect, test } from 'vitest'
import { greetKafka } from '../src/handshake/kafka.ts'
import { dribble, tcpServer } from './tcp-server.ts'

const recorded = fs.readFileSync(
  new URL('recorded/kafka-4.3.0-api-versions-and-metadata.bin', import.meta.url),
)
const metadataAt = 4 + recorded.readInt32BE(0)

const kafkaThat = async (answer: Buffer) => {
  const { port } = await tcpServer((socket) => socket.once('data', () => void dribble(socket, answer)))
  return `127.0.0.1:${port}`
}

/** With the highest supported metadata.version (its first mention, after the lowest) set to `level`. */
function withLevel(level: number): Buffer {
  const copy = Buffer.from(recorded)
  copy.writeInt16BE(level, copy.indexOf('metadata.version') + 'metadata.version'.length + 2)
  return copy
}

test('the answers of a real Kafka, in pieces', async () => {
  expect(await greetKafka(await kafkaThat(recorded))).toBe('4.3')
})

test('each level of metadata.version belongs to a release; an unknown one is given as it is', async () => {
  expect(await greetKafka(await kafkaThat(withLevel(21)))).toBe('3.9')
  expect(await greetKafka(await kafkaThat(withLevel(29)))).toBe('4.2')
  expect(await greetKafka(await kafkaThat(withLevel(99)))).toBe('with metadata.version 99')
})

test('a broker that knows no live broker yet is not ready', async () => {
  const copy = Buffer.from(recorded.subarray(0, metadataAt + 22))
  copy.writeInt32BE(18, metadataAt) // correlation id, throttle time, no broker, no cluster id, controller -1
  copy.writeInt32BE(0, metadataAt + 12)
  copy.writeInt16BE(-1, metadataAt + 16)
  copy.writeInt32BE(-1, metadataAt + 18)
  await expect(greetKafka(await kafkaThat(copy))).rejects.toThrow('Kafka knows no live broker yet')
})

test('any address of the list will do; with none, each is named', async () => {
  const live = await kafkaThat(recorded)
  expect(await greetKafka(`127.0.0.1:1, ${live}`)).toBe('4.3')
  await expect(greetKafka('127.0.0.1:1,127.0.0.1:2')).rejects.toThrow(
    '127.0.0.1:1: ECONNREFUSED; 127.0.0.1:2: ECONNREFUSED',
  )
  await expect(greetKafka('nonsense')).rejects.toThrow('not a host:port list: nonsense')
})
