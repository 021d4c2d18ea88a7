import { type Link, type Span } from '@opentelemetry/api'
import { traceHandler } from '@waybill/redis-streams'
import { Redis } from 'ioredis'
import { runAgent } from '../agent/agent.ts'
import { post } from '../agent/http.ts'
import { ofConversation, step, think } from '../agent/step.ts'
import type { Answer, Finding } from '../messages.ts'

type Entry = readonly [id: string, fields: readonly string[] | null]
type Reply = readonly (readonly [stream: string, entries: readonly Entry[]])[] | null

const GROUP = 'aggregators'

await runAgent(async ({ agent, queues, redisUrl, waybill, progress }) => {
  const stream = queues.findings
  const redis = new Redis(redisUrl)
  const blocking = new Redis(redisUrl)
  await redis.xgroup('CREATE', stream, GROUP, '0', 'MKSTREAM')

  const handle = waybill ? traceHandler(collect, { stream, group: GROUP }) : collect
  const collected: Finding[] = []
  const links: Link[] = []

  async function collect([, fields]: Entry): Promise<void> {
    const finding = JSON.parse(fields?.[1] ?? '') as Finding
    await step(
      'collect',
      async (span) => {
        await think(15)
        collected.push(finding)
        links.push({ context: span.spanContext() })
        progress(`${collected.length} of ${finding.count} findings are here`)
        if (collected.length === finding.count) {
          await step('answer', (joined) => answer(finding.replyTo, joined), { links: links.slice(0, -1) })
        }
      },
      ofConversation(finding.conversation),
    )
  }

  async function answer(replyTo: string, span: Span): Promise<void> {
    await think(180)
    const findings = collected.toSorted((a, b) => a.index - b.index)
    const text = findings.map(({ quote, source }) => `${quote} [${source}]`).join(' ')
    span.setAttribute('research.findings', findings.length)
    await post(replyTo, { text, findings } satisfies Answer)
    progress('joined the findings into the answer')
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
