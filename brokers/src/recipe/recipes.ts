import type { BrokerName } from '../broker.ts'
import { kafka } from './kafka.ts'
import { rabbitmq } from './rabbitmq.ts'
import type { Recipe } from './recipe.ts'
import { redis } from './redis.ts'

export const recipes: Readonly<Record<BrokerName, Recipe>> = { redis, rabbitmq, kafka }
