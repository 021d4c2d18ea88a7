import type { Redis } from 'ioredis'

type Entry = readonly [id: string, fields: string[] | null]

/**
 * Moves checked orders from one stream to the next. A pull request "tidies up" which fields it copies: with `tidy` only the
 * order goes on, and the trace context, which is a field of the entry like any other, is left behind.
 */
export async function relay(redis: Redis, from: string, to: string, tidy: boolean): Promise<void> {
  const entries: readonly Entry[] = await redis.xrange(from, '-', '+')
  for (const [, fields] of entries) {
    const all = fields ?? []
    const order = all.indexOf('order')
    await redis.xadd(to, '*', ...(tidy ? all.slice(order, order + 2) : all))
  }
}
