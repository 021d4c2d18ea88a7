import type { BrokerName } from '../broker.ts'
import { kafka } from './kafka.ts'
import { newestRabbitmq, oldestRabbitmq, rabbitmq } from './rabbitmq.ts'
import type { Recipe } from './recipe.ts'
import { redisCluster } from './redis-cluster.ts'
import { newerRedis, redis } from './redis.ts'

export const recipes: Readonly<Record<BrokerName, Recipe>> = {
  redis,
  rabbitmq,
  kafka,
  'redis-8.6': newerRedis,
  'rabbitmq-3.10': oldestRabbitmq,
  'rabbitmq-4.3': newestRabbitmq,
  'redis-cluster': redisCluster,
}
