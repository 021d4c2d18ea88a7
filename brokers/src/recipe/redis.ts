import { greetRedis } from '../handshake/redis.ts'
import { nativeRedis } from '../native/redis.ts'
import type { Recipe } from './recipe.ts'

export const redis: Recipe = {
  name: 'redis',
  variable: 'REDIS_URL',
  greet: greetRedis,
  container: { image: 'redis:8', port: 6379, url: (host, port) => `redis://${host}:${port}` },
  native: nativeRedis,
}
