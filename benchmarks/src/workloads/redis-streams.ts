import type { StreamEntry } from '@waybill/redis-streams'
import { Redis } from 'ioredis'
import { BODY, OPTIONS, uniqueName } from '../message.ts'
import type { OpenWorkload } from '../workload.ts'

const BATCH = 100
const GROUP = 'bench'

/** 100 XADD in flight, then one XREADGROUP, the handlers, and one XACK. */
export const open: OpenWorkload = async (url, variant) => {
  const stream = uniqueName('bench-stream')
  const producer = new Redis(url)
  const consumer = new Redis(url)
  let handle: (entry: StreamEntry) => Promise<void> = async () => {}
  if (variant === 'ours') {
    const { traceHandler, traceProducer } = await import('@waybill/redis-streams')
    traceProducer(producer, OPTIONS)
    handle = traceHandler(handle, { ...OPTIONS, stream, group: GROUP, consumer: 'bench' })
  }
  const payload = BODY.toString()
  await consumer.xgroup('CREATE', stream, GROUP, '$', 'MKSTREAM')
  // Whatever ends this process, the stream does not stay.
  await consumer.expire(stream, 600)

  return {
    messagesPerSpan: 1,
    async run(messages) {
      for (let sent = 0; sent < messages; sent += BATCH) {
        await Promise.all(Array.from({ length: BATCH }, () => producer.xadd(stream, '*', 'payload', payload)))
        const reply = (await consumer.xreadgroup(
          'GROUP',
          GROUP,
          'bench',
          'COUNT',
          BATCH,
          'STREAMS',
          stream,
          '>',
        )) as [string, StreamEntry[]][] | null
        const entries = reply?.[0]?.[1] ?? []
        if (entries.length !== BATCH) throw new Error(`Sent ${BATCH} entries and read ${entries.length}`)
        await Promise.all(entries.map((entry) => handle(entry)))
        await consumer.xack(stream, GROUP, ...entries.map(([id]) => id))
      }
    },
    async close() {
      await consumer.unlink(stream)
      await Promise.all([producer.quit(), consumer.quit()])
    },
  }
}
