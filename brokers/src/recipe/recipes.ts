import type { BrokerName } from '../broker.ts'
import { kafka } from './kafka.ts'
import { oldestRabbitmq, rabbitmq } from './rabbitmq.ts'
import type { Recipe } from './recipe.ts'
import { newerRedis, redis } from './redis.ts'

export const recipes: Readonly<Record<BrokerName, Recipe>> = {
  redis,
  rabbitmq,
  kafka,
  'redis-8.6': newerRedis,
}

/** The oldest release that an adapter claims, where tests run on that one too. */
export const oldestRecipes: Readonly<Partial<Record<BrokerName, Recipe>>> = { rabbitmq: oldestRabbitmq }
