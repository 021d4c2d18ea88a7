import { greetRedis } from '../handshake/redis.ts'
import { nativeRedis } from '../native/redis.ts'
import type { Recipe } from './recipe.ts'

export const redis: Recipe = {
  name: 'redis',
  variable: 'REDIS_URL',
  greet: greetRedis,
  container: { image: 'redis:8', port: 6379, url: (host, port) => `redis://${host}:${port}` },
  native: () => nativeRedis('redis-server'),
}

export const newerRedis: Recipe = {
  ...redis,
  name: 'redis-8.6',
  variable: 'REDIS_8_6_URL',
  container: { ...redis.container, image: 'redis:8.6' },
  async native() {
    // What a distribution calls redis-server is as a rule older.
    const program = process.env['REDIS_8_6_SERVER']
    if (program === undefined) throw new Error('REDIS_8_6_SERVER names no program')
    return nativeRedis(program)
  },
}
