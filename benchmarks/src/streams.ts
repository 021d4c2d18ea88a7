// What createConsumer and traced loops cost on Redis streams, beside bare loops of ioredis and node-redis:
//   node --conditions=waybill-source benchmarks/src/streams.ts [rounds]
// Each sample runs in a process of its own: the same file with a job as its argument, which prints its figure.
import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { startBroker } from '@waybill/brokers'
import { createConsumer, traceHandler, traceProducer } from '@waybill/redis-streams'
import { Redis } from 'ioredis'
import { createClient } from 'redis'
import { cpuOf } from './cpu.ts'
import type { Mode } from './job.ts'
import { BODY, OPTIONS, uniqueName } from './message.ts'
import { startSdk } from './sdk.ts'
import { shuffled, spreadOf } from './statistics.ts'

const clients = ['ioredis', 'node-redis'] as const
/** A loop with one XACK an entry; with one a batch, bare and traced; the consumer, which acknowledges in batches. */
const variants = ['bare loop, XACK each', 'bare loop', 'traced loop', 'createConsumer'] as const

interface Job {
  readonly client: (typeof clients)[number]
  readonly variant: (typeof variants)[number]
  readonly mode: Mode
  readonly url: string
}

/** What both clients are asked for. */
interface Client {
  readonly target: object
  add(stream: string): Promise<unknown>
  /** Reads up to a batch, handles it and acknowledges it. */
  loop(stream: string, handle: (entry: never) => Promise<unknown>, ackEach: boolean): Promise<number>
  close(): unknown
}

const BATCH = 100
const GROUP = 'bench'
const WARM_UP = 10_000
const MESSAGES = 30_000
const payload = BODY.toString()

if (process.argv[2]?.startsWith('{') === true) {
  console.log(String(await measure(JSON.parse(process.argv[2]) as Job)))
  // Clients leave timers and sockets behind that would keep this process for seconds.
  process.exit()
}
await compare(Number(process.argv[2] ?? 3))

async function compare(rounds: number): Promise<void> {
  const broker = await startBroker('redis')
  const cells = clients.flatMap((client) =>
    variants.flatMap((variant) =>
      (variant.startsWith('bare')
        ? (['no SDK'] as const)
        : (['no SDK', 'sampled out', 'traced'] as const)
      ).map((mode): Job => ({ client, variant, mode, url: broker.url })),
    ),
  )
  const found = new Map<Job, number[]>(cells.map((cell) => [cell, []]))
  try {
    for (let round = 0; round < rounds; round++) {
      for (const cell of shuffled(cells)) {
        const flags = ['--conditions=waybill-source', '--no-warnings', '--expose-gc']
        const args = [...flags, fileURLToPath(import.meta.url), JSON.stringify(cell)]
        const { stdout } = await promisify(execFile)(process.execPath, args, { timeout: 120_000 })
        found.get(cell)?.push(Number(stdout))
      }
    }
  } finally {
    await broker.stop()
  }
  console.log(
    `Redis ${broker.version}, Node.js ${process.version}; CPU µs a message, ${rounds} rounds of ${MESSAGES}`,
  )
  for (const [{ client, variant, mode }, figures] of found) {
    const { median, min, max } = spreadOf(figures)
    const range = `${median.toFixed(1)} (${min.toFixed(1)} to ${max.toFixed(1)})`
    console.log(`${client.padEnd(11)} ${variant.padEnd(29)} ${mode.padEnd(12)} ${range}`)
  }
}

/** CPU time of sending 100 entries, and handling and acknowledging them, again and again; µs a message. */
async function measure({ client: kind, variant, mode, url }: Job): Promise<number> {
  startSdk(mode)
  const client = kind === 'ioredis' ? ioredisClient(url) : await nodeRedisClient(url)
  const admin = new Redis(url)
  const stream = uniqueName('bench-stream')
  await admin.xgroup('CREATE', stream, GROUP, '$', 'MKSTREAM')
  // Whatever ends this process, the stream does not stay.
  await admin.expire(stream, 600)
  if (!variant.startsWith('bare')) traceProducer(client.target as never, OPTIONS)
  let handled = 0
  const handler = async (): Promise<void> => void handled++
  const handle =
    variant === 'traced loop' ? traceHandler(handler, { ...OPTIONS, stream, group: GROUP }) : handler
  let whenHandled: (() => void) | undefined
  const consumer =
    variant !== 'createConsumer'
      ? undefined
      : createConsumer({
          ...OPTIONS,
          client: client.target,
          streams: [stream],
          group: GROUP,
          concurrency: BATCH,
          handler: async () => {
            if (++handled % BATCH === 0) whenHandled?.()
          },
        })
  const ackEach = variant === 'bare loop, XACK each'
  await consumer?.ready()
  const run = async (messages: number): Promise<void> => {
    for (let sent = 0; sent < messages; sent += BATCH) {
      const all = new Promise<void>((resolve) => (whenHandled = resolve))
      await Promise.all(Array.from({ length: BATCH }, () => client.add(stream)))
      if (consumer !== undefined) await all
      else for (let read = 0; read < BATCH;) read += await client.loop(stream, handle as never, ackEach)
    }
  }
  await run(WARM_UP)
  const figure = (await cpuOf(() => run(MESSAGES))) / MESSAGES
  if (handled !== WARM_UP + MESSAGES) throw new Error(`${handled} handled of ${WARM_UP + MESSAGES}`)
  await consumer?.stop()
  const [pending] = (await admin.xpending(stream, GROUP)) as [number]
  if (pending > 0) throw new Error(`${pending} entries not acknowledged`)
  await admin.unlink(stream)
  await client.close()
  admin.disconnect()
  return figure
}

function ioredisClient(url: string): Client {
  const [target, reader] = [new Redis(url), new Redis(url)]
  return {
    target,
    add: (stream) => target.xadd(stream, '*', 'payload', payload),
    async loop(stream, handle, ackEach) {
      const reply = await reader.xreadgroup(
        'GROUP',
        GROUP,
        'c',
        'COUNT',
        BATCH,
        'BLOCK',
        2000,
        'STREAMS',
        stream,
        '>',
      )
      const entries = reply?.[0]?.[1] ?? []
      await Promise.all(entries.map((entry) => handle(entry as never)))
      const ids = entries.map(([id]) => id)
      if (ackEach) await Promise.all(ids.map((id) => target.xack(stream, GROUP, id)))
      else await target.xack(stream, GROUP, ...ids)
      return entries.length
    },
    close: () => Promise.all([target.quit(), reader.quit()]),
  }
}

async function nodeRedisClient(url: string): Promise<Client> {
  const target = await createClient({ url }).connect()
  const reader = await createClient({ url }).connect()
  return {
    target,
    add: (stream) => target.xAdd(stream, '*', { payload }),
    async loop(stream, handle, ackEach) {
      const reply = await reader.xReadGroup(
        GROUP,
        'c',
        { key: stream, id: '>' },
        { COUNT: BATCH, BLOCK: 2000 },
      )
      const [read] = (reply ?? []) as { messages: { id: string }[] }[]
      const messages = read?.messages ?? []
      await Promise.all(messages.map((message) => handle(message as never)))
      const ids = messages.map(({ id }) => id)
      if (ackEach) await Promise.all(ids.map((id) => target.xAck(stream, GROUP, id)))
      else await target.xAck(stream, GROUP, ids)
      return messages.length
    },
    close: () => Promise.all([target.close(), reader.close()]),
  }
}
