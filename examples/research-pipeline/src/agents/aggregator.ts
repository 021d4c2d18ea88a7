import { traceHandler } from '@waybill/redis-streams'
import { Redis } from 'ioredis'
import { runAgent } from '../agent/agent.ts'
import { collector } from '../agent/collecting.ts'
import type { Finding } from '../messages.ts'

type Entry = readonly [id: string, fields: readonly string[] | null]
type Reply = readonly (readonly [stream: string, entries: readonly Entry[]])[] | null

const GROUP = 'aggregators'

await runAgent(async (desk) => {
  const { agent, queues, redisUrl, waybill } = desk
  const stream = queues.findings
  const redis = new Redis(redisUrl)
  const blocking = new Redis(redisUrl)
  await redis.xgroup('CREATE', stream, GROUP, '0', 'MKSTREAM')

  const take = collector(desk)
  const handle = waybill ? traceHandler(collect, { stream, group: GROUP }) : collect
  async function collect([, fields]: Entry): Promise<void> {
    await take(JSON.parse(fields?.[1] ?? '') as Finding)
  }

  let stopping = false
  async function read(): Promise<void> {
    while (!stopping) {
      const reply = (await blocking.xreadgroup(
        'GROUP',
        GROUP,
        agent,
        'COUNT',
        10,
        'BLOCK',
        200,
        'STREAMS',
        stream,
        '>',
      )) as Reply
      for (const entry of reply?.[0]?.[1] ?? []) {
        await handle(entry)
        await redis.xack(stream, GROUP, entry[0])
      }
    }
  }
  const reading = read()

  return {
    async stop() {
      stopping = true
      await reading
      await Promise.all([redis.quit(), blocking.quit()])
    },
  }
})
