import { createPostgresBackend, type BackendFactory, type ConnectionOptions } from 'bullmq'

/** How BullMQ reaches its jobs: on Redis, or on PostgreSQL, which the demo has where there is no Redis. */
export interface BullmqBackend {
  readonly connection: ConnectionOptions
  /** The last argument of BullMQ's classes. */
  readonly backend: never
}

export function bullmqBackend(url: string): BullmqBackend {
  const isPostgres = url.startsWith('postgres')
  const backend = (isPostgres ? createPostgresBackend : undefined) as BackendFactory | undefined
  const connection = isPostgres ? { connectionString: url, migrate: true } : { url }
  // BullMQ's types know only the backend that a class was declared with.
  return { connection: connection as ConnectionOptions, backend: backend as never }
}
