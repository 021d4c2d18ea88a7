import { afterEach, expect, test, vi } from 'vitest'
import { startBroker, startBrokers } from '../src/index.ts'
import { tcpServer } from './tcp-server.ts'

afterEach(() => void vi.unstubAllEnvs())

async function someRedis(): Promise<string> {
  const { port } = await tcpServer((socket) => {
    socket.on('data', () => socket.write('+PONG\r\n$21\r\nredis_version:8.0.2\r\n\r\n'))
  })
  return `redis://127.0.0.1:${port}`
}

test('a broker named by its variable is used, and its version is its own word', async () => {
  const url = await someRedis()
  vi.stubEnv('REDIS_URL', url)
  const broker = await startBroker('redis')
  expect(broker).toMatchObject({ name: 'redis', url, version: '8.0.2', how: 'url' })
  await broker.stop()
  await broker.stop()
})

test('each broker is reported in one line; a missing one has its reason', async () => {
  vi.stubEnv('REDIS_URL', await someRedis())
  vi.stubEnv('KAFKA_BROKERS', 'no address')
  const lines: string[] = []
  const { brokers, missing, stop } = await startBrokers(['redis', 'kafka', 'redis'], {
    report: (line) => lines.push(line),
    urlTimeoutMs: 100,
  })
  await stop()
  expect(Object.keys(brokers)).toEqual(['redis'])
  expect(missing).toEqual([{ name: 'kafka', reason: expect.stringContaining('KAFKA_BROKERS is set, but') }])
  expect(lines.toSorted()).toEqual([
    expect.stringMatching(/^✔ redis 8\.0\.2, given by URL \(\d\.\d s\)$/),
    expect.stringMatching(/^✖ kafka: KAFKA_BROKERS is set, but .*no address/),
  ])
})

test('the newer Redis has a variable of its own', async () => {
  vi.stubEnv('REDIS_URL', 'redis://127.0.0.1:1')
  const url = await someRedis()
  vi.stubEnv('REDIS_8_6_URL', url)
  expect(await startBroker('redis-8.6')).toMatchObject({ name: 'redis-8.6', url, how: 'url' })
})

test('nothing else is started in place of a URL where nobody answers', async () => {
  vi.stubEnv('AMQP_URL', 'amqp://127.0.0.1:1')
  await expect(startBroker('rabbitmq', { urlTimeoutMs: 100 })).rejects.toThrow(
    /^AMQP_URL is set, but .*ECONNREFUSED/,
  )
})
