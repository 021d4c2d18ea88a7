import { startPostgres, type Postgres } from '@waybill/brokers'
import { createPostgresBackend, type BackendFactory, type ConnectionOptions } from 'bullmq'
import { Redis } from 'ioredis'
import pg from 'pg'
import { createClient } from 'redis'

/** One entry of a queue's event stream; `at` is the clock of the Redis or PostgreSQL server, epoch ms. */
export interface QueueEvent {
  readonly at: number
  readonly event: string
  readonly jobId: string
  readonly prev?: string
  /** Of `delayed`: the due time, epoch ms. */
  readonly delay?: string
}

/** What keeps the jobs of a queue, and the client that leads there. */
export interface Backend {
  readonly name: 'ioredis' | 'node-redis' | 'postgres'
  readonly connection: ConnectionOptions
  /** BullMQ's own default, for Redis, if `undefined`. */
  readonly factory: BackendFactory | undefined
  /** A Redis client of the test's own; absent on PostgreSQL. */
  readonly redis?: Redis
  events(queue: string): Promise<readonly QueueEvent[]>
  close(): Promise<void>
}

/** Redis through the client that BullMQ makes by itself. */
export function ioredisBackend(url: string): Backend {
  return { ...redisEvents(url), name: 'ioredis', connection: { url }, factory: undefined }
}

/** Redis through a connected client of node-redis. */
export async function nodeRedisBackend(url: string): Promise<Backend> {
  const client = createClient({ url })
  client.on('error', () => undefined)
  client.setMaxListeners(0)
  await client.connect()
  const events = redisEvents(url)
  return {
    ...events,
    name: 'node-redis',
    connection: client as unknown as ConnectionOptions,
    factory: undefined,
    async close() {
      await events.close()
      await client.close()
    },
  }
}

/** PostgreSQL from the binaries that npm has installed. */
export async function postgresBackend(): Promise<Backend> {
  const server: Postgres = await startPostgres()
  const pool = new pg.Pool({ connectionString: server.url, max: 2 })
  return {
    name: 'postgres',
    connection: { connectionString: server.url, migrate: true } as unknown as ConnectionOptions,
    factory: createPostgresBackend as unknown as BackendFactory,
    async events(queue) {
      const { rows } = await pool.query<{ event: string; data: object; created_at_ms: string }>(
        'SELECT event, data, created_at_ms FROM bullmq.event WHERE queue = $1 ORDER BY id',
        [queue],
      )
      return rows.map(
        ({ event, data, created_at_ms: at }) => ({ ...data, event, at: Number(at) }) as QueueEvent,
      )
    },
    async close() {
      await pool.end()
      await server.stop()
    },
  }
}

function redisEvents(url: string): Pick<Backend, 'events' | 'close'> & { readonly redis: Redis } {
  const redis = new Redis(url)
  return {
    redis,
    async events(queue) {
      const entries = await redis.xrange(`bull:${queue}:events`, '-', '+')
      return entries.map(([id, fields]) => {
        const pairs = fields.flatMap((field, i) => (i % 2 === 0 ? [[field, fields[i + 1]]] : []))
        return { at: Number(id.split('-')[0]), ...Object.fromEntries(pairs) } as QueueEvent
      })
    },
    close: () => {
      redis.disconnect()
      return Promise.resolve()
    },
  }
}
