import { context, type TextMapGetter } from '@opentelemetry/api'
import type { StreamEntry } from '@waybill/redis-streams'
import { Redis } from 'ioredis'
import { BODY, OPTIONS, uniqueName } from '../message.ts'
import type { OpenWorkload } from '../workload.ts'

const BATCH = 100
const listGetter: TextMapGetter<readonly string[]> = {
  keys: (list) => list.filter((_, i) => i % 2 === 0),
  get(list, name) {
    for (let i = 0; i < list.length; i += 2) if (list[i] === name) return list[i + 1]
    return undefined
  },
}
const GROUP = 'bench'

/** 100 XADD in flight, then one XREADGROUP, the handlers, and one XACK. */
export const open: OpenWorkload = async (url, variant, calls) => {
  const stream = uniqueName('bench-stream')
  const producer = new Redis(url)
  const consumer = new Redis(url)
  let handle: (entry: StreamEntry) => Promise<void> = async () => {}
  if (variant === 'ours') {
    const { traceHandler, traceProducer } = await import('@waybill/redis-streams')
    traceProducer(producer, OPTIONS)
    handle = traceHandler(handle, { ...OPTIONS, stream, group: GROUP, consumer: 'bench' })
  }
  if (calls !== undefined) {
    handle = async ([, fields]) => {
      const begun = calls.beginHandle(fields, listGetter)
      await context.with(begun.context, async () => {})
      begun.end()
    }
  }
  const payload = BODY.toString()
  const add = async (): Promise<void> => {
    const begun = calls?.beginSend()
    if (begun === undefined) {
      await producer.xadd(stream, '*', 'payload', payload)
      return
    }
    const fields = Object.entries(begun.carrier).flat()
    await context.with(begun.context, () => producer.xadd(stream, '*', 'payload', payload, ...fields))
    begun.end()
  }
  await consumer.xgroup('CREATE', stream, GROUP, '$', 'MKSTREAM')
  // Whatever ends this process, the stream does not stay.
  await consumer.expire(stream, 600)

  return {
    messagesPerSpan: 1,
    async run(messages) {
      for (let sent = 0; sent < messages; sent += BATCH) {
        await Promise.all(Array.from({ length: BATCH }, add))
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
