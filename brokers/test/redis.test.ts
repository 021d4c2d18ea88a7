import { expect, test } from 'vitest'
import { greetRedis, redisVersion } from '../src/handshake/redis.ts'
import { answering, tcpServer } from './tcp-server.ts'

const info = '# Server\r\nredis_version:8.0.2\r\nredis_mode:standalone\r\n'
const bulk = (text: string) => `$${text.length}\r\n${text}\r\n`
const ping = '*1\r\n$4\r\nPING\r\n'
const infoServer = '*2\r\n$4\r\nINFO\r\n$6\r\nserver\r\n'

async function redisThat(request: string, answer: string, userinfo = '', path = ''): Promise<string> {
  const { port } = await tcpServer(answering(Buffer.from(request), Buffer.from(answer)))
  return `redis://${userinfo}127.0.0.1:${port}${path}`
}

test('PING and INFO give the version', async () => {
  expect(await greetRedis(await redisThat(ping + infoServer, `+PONG\r\n${bulk(info)}`))).toBe('8.0.2')
})

test('the password of the URL is used, with and without a user, decoded', async () => {
  const ok = `+OK\r\n+PONG\r\n${bulk(info)}`
  const auth = '*2\r\n$4\r\nAUTH\r\n$3\r\na@b\r\n'
  expect(await greetRedis(await redisThat(auth + ping + infoServer, ok, ':a%40b@', '/3'))).toBe('8.0.2')
  const user = '*3\r\n$4\r\nAUTH\r\n$2\r\nme\r\n$3\r\na@b\r\n'
  expect(await greetRedis(await redisThat(user + ping + infoServer, ok, 'me:a%40b@'))).toBe('8.0.2')
})

test('a server that still loads its data, or wants a password, is not ready', async () => {
  const loading = await redisThat(ping + infoServer, `-LOADING Redis is loading\r\n${bulk(info)}`)
  await expect(greetRedis(loading)).rejects.toThrow('Redis refuses: LOADING')
  const closed = await redisThat(ping + infoServer, '-NOAUTH Authentication required.\r\n-NOAUTH …\r\n')
  await expect(greetRedis(closed)).rejects.toThrow('Redis refuses: NOAUTH')
})

test('another protocol is recognised', async () => {
  const url = await redisThat(ping + infoServer, 'HTTP/1.1 400 Bad Request\r\n')
  await expect(greetRedis(url)).rejects.toThrow('not an answer of Redis: "HTTP/1.1 400')
})

test('Valkey is called Valkey', () => {
  expect(redisVersion('redis_version:7.2.4\r\nserver_name:valkey\r\nvalkey_version:8.1.1\r\n')).toBe(
    '8.1.1 (Valkey)',
  )
})
