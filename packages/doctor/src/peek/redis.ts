// Redis: streams and BullMQ. Only commands that read: no XREADGROUP, no XAUTOCLAIM, which would move the pending list.
import type { Redis } from 'ioredis'
import type { Look, WaitingMessage } from './carrier.ts'
import { missingClient, type PeekOptions } from './options.ts'

/** Looks at one stream or queue, or at all that there are. */
export async function peekRedis(
  url: string,
  name: string | undefined,
  options: PeekOptions,
): Promise<Look[]> {
  const client = await connect(url)
  try {
    if (name !== undefined) return [await lookAt(client, name, options)]
    const looks: Look[] = []
    for (const queue of await queues(client, options.prefix))
      looks.push(await lookAtQueue(client, queue, options))
    for (const stream of await streams(client, options.prefix))
      looks.push(await lookAtStream(client, stream, options))
    return looks
  } finally {
    client.disconnect()
  }
}

async function connect(url: string): Promise<Redis> {
  const ioredis = await import('ioredis').catch((error: unknown) => {
    throw missingClient('ioredis', error)
  })
  const client = new ioredis.Redis(url, {
    lazyConnect: true,
    maxRetriesPerRequest: 1,
    retryStrategy: () => null,
  })
  client.on('error', () => undefined)
  await client.connect()
  return client
}

async function lookAt(client: Redis, name: string, options: PeekOptions): Promise<Look> {
  if ((await client.type(name)) === 'stream') return lookAtStream(client, name, options)
  return lookAtQueue(client, name, options)
}

async function scan(client: Redis, pattern: string, type: string): Promise<string[]> {
  const found = new Set<string>()
  let cursor = '0'
  do {
    const [next, keys] = await client.scan(cursor, 'MATCH', pattern, 'COUNT', 500, 'TYPE', type)
    for (const key of keys) found.add(key)
    cursor = next
  } while (cursor !== '0')
  return [...found].sort()
}

async function queues(client: Redis, prefix: string): Promise<string[]> {
  const metas = await scan(client, `${prefix}:*:meta`, 'hash')
  return metas.map((key) => key.slice(prefix.length + 1, -':meta'.length))
}

/** BullMQ's own event streams carry no messages of anybody. */
async function streams(client: Redis, prefix: string): Promise<string[]> {
  const keys = await scan(client, '*', 'stream')
  return keys.filter((key) => !(key.startsWith(`${prefix}:`) && key.endsWith(':events')))
}

async function lookAtStream(client: Redis, stream: string, { count }: PeekOptions): Promise<Look> {
  const groups = (await client.xinfo('GROUPS', stream)) as unknown[][]
  const delivered = groups.map((group) => fieldOf(group, 'last-delivered-id'))
  // What no group has been given yet; without groups the newest.
  const first = delivered.sort(compareIds)[0]
  const entries =
    first === undefined
      ? await client.xrevrange(stream, '+', '-', 'COUNT', count)
      : await client.xrange(stream, `(${first}`, '+', 'COUNT', count)
  const lags = groups
    .map((group) => fieldOf(group, 'lag'))
    .map((lag) => (lag === '' ? Number.NaN : Number(lag)))
  const waiting = first === undefined ? await client.xlen(stream) : Math.max(...lags)
  const messages = entries.map(([id, list]): WaitingMessage => {
    const fields: Record<string, string> = {}
    for (let i = 0; i + 1 < list.length; i += 2) fields[(list[i] ?? '').toLowerCase()] = list[i + 1] ?? ''
    const sentAt = Number(id.split('-')[0])
    return { fields: contextOnly(fields), ...(isClock(sentAt) && { sentAt }) }
  })
  return {
    destination: stream,
    system: 'redis',
    waiting: Number.isFinite(waiting) ? waiting : undefined,
    messages,
    ...(first === undefined && { note: 'the stream has no group: its newest entries were looked at' }),
  }
}

/** The other fields are the body. */
function contextOnly(fields: Readonly<Record<string, string>>): Record<string, string> {
  const names = [
    'traceparent',
    'tracestate',
    'baggage',
    'waybill',
    'sentry-trace',
    '_datadog',
    'x-datadog-trace-id',
  ]
  return Object.fromEntries(
    names.flatMap((name) => (fields[name] === undefined ? [] : [[name, fields[name]]])),
  )
}

function fieldOf(pairs: readonly unknown[], name: string): string {
  const value = pairs[pairs.indexOf(name) + 1]
  return typeof value === 'string' || typeof value === 'number' ? String(value) : ''
}

function compareIds(a: string, b: string): number {
  const [aMs = 0, aSeq = 0] = a.split('-').map(Number)
  const [bMs = 0, bSeq = 0] = b.split('-').map(Number)
  return aMs - bMs || aSeq - bSeq
}

/** Ids need not be times. */
function isClock(ms: number): boolean {
  return ms > 1_000_000_000_000 && ms < 10_000_000_000_000
}

async function lookAtQueue(client: Redis, queue: string, { prefix, count }: PeekOptions): Promise<Look> {
  const key = (name: string): string => `${prefix}:${queue}:${name}`
  const lists = await Promise.all([key('wait'), key('paused')].map((list) => client.lrange(list, -count, -1)))
  const sets = await Promise.all(
    [key('prioritized'), key('delayed')].map((set) => client.zrange(set, 0, String(count - 1))),
  )
  const lengths = await Promise.all([
    client.llen(key('wait')),
    client.llen(key('paused')),
    client.zcard(key('prioritized')),
    client.zcard(key('delayed')),
  ])
  // Markers of older versions of BullMQ are no jobs.
  const ids = [...lists, ...sets]
    .flat()
    .filter((id) => !id.startsWith('0:'))
    .slice(0, count)
  const jobs = await Promise.all(ids.map((id) => client.hmget(key(id), 'opts', 'timestamp')))
  return {
    destination: queue,
    system: 'bullmq',
    waiting: lengths.reduce((sum, length) => sum + length, 0),
    messages: jobs.map(([opts, timestamp]): WaitingMessage => {
      const sentAt = Number(timestamp)
      return { fields: {}, raw: metadataIn(opts ?? ''), ...(isClock(sentAt) && { sentAt }) }
    }),
  }
}

/** BullMQ keeps the telemetry's metadata as `tm` among the options of the job. */
function metadataIn(opts: string): string {
  try {
    const { tm } = JSON.parse(opts) as { tm?: unknown }
    return typeof tm === 'string' ? tm : ''
  } catch {
    return ''
  }
}
