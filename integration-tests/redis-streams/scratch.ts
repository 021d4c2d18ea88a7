import { randomUUID } from 'node:crypto'
import { Redis, type RedisOptions } from 'ioredis'
import { Redis as Redis5, type RedisOptions as RedisOptions5 } from 'ioredis-5'
import { createClient, createClientPool, type RedisClientOptions } from 'redis'
import { createClient as createClient5 } from 'redis-5'
import { inject } from 'vitest'

/** A Redis without `XREADGROUP … CLAIM`, and one with it. */
export const servers = (['redis', 'redis-8.6'] as const).map((name) => {
  const broker = inject('brokers')[name]
  return 'missing' in broker
    ? { title: `${name}, not run: ${broker.missing}`, url: '', missing: true, claims: false }
    : {
        title: `Redis ${broker.version}`,
        url: broker.url,
        missing: false,
        claims: isAtLeast(broker.version, 8, 4),
      }
})

function isAtLeast(version: string, major: number, minor: number): boolean {
  const [is = 0, isMinor = 0] = version.split('.').map(Number)
  return is > major || (is === major && isMinor >= minor)
}

/** Clients and streams of one test, taken away by `close`. */
export interface Scratch {
  readonly url: string
  /** An ioredis 6 client that is not traced. */
  readonly bare: Redis
  /** A key that nobody else has. */
  readonly stream: (name?: string) => string
  readonly ioredis: (options?: RedisOptions) => Redis
  readonly ioredis5: (options?: RedisOptions) => Redis
  readonly nodeRedis: (options?: RedisClientOptions) => Promise<NodeRedis>
  readonly nodeRedis5: () => Promise<NodeRedis>
  readonly pool: () => Promise<ReturnType<typeof createPool>>
  readonly close: () => Promise<void>
}

/** Without extensions and type mapping: the generic types of node-redis are wider than what tests use. */
export type NodeRedis = ReturnType<typeof createPlainClient>

function createPlainClient(url: string, options: RedisClientOptions = {}) {
  return createClient({ url, ...options } as { url: string })
}

function createPool(url: string) {
  return createClientPool({ url })
}

export function redisScratch(url: string): Scratch {
  const bare = new Redis(url)
  const keys: string[] = []
  const closing: (() => unknown)[] = []
  const opened = <C extends { disconnect: () => unknown }>(client: C): C => {
    closing.push(() => client.disconnect())
    return client
  }
  async function connected<C extends { connect: () => Promise<unknown>; destroy: () => void }>(
    client: C & { on: (event: 'error', listener: () => void) => unknown },
  ): Promise<C> {
    client.on('error', () => undefined)
    await client.connect()
    closing.push(() => {
      client.destroy()
    })
    return client
  }
  return {
    url,
    bare,
    stream(name = `stream-${randomUUID()}`) {
      keys.push(name)
      return name
    },
    ioredis: (options = {}) => opened(new Redis(url, options as { readonly keyPrefix?: string })),
    ioredis5: (options = {}) =>
      opened(new Redis5(url, options as unknown as RedisOptions5) as unknown as Redis),
    nodeRedis: (options) => connected(createPlainClient(url, options)),
    nodeRedis5: () => connected(createClient5({ url }) as unknown as NodeRedis),
    pool: () => connected(createPool(url)),
    async close() {
      for (const close of closing) await close()
      if (keys.length > 0) await bare.unlink(...keys)
      bare.disconnect()
    },
  }
}

/** The one entry of that id, as ioredis delivers it. */
export async function entryOf(redis: Redis, stream: string, id: unknown): Promise<[string, string[]]> {
  const [entry] = await redis.xrange(stream, String(id), String(id))
  return entry as [string, string[]]
}

/** Every second: the names of a flat list of fields. */
export function namesOf(fields: readonly unknown[]): string[] {
  return fields.filter((_, i) => i % 2 === 0).map(String)
}
