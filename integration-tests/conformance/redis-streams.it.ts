import { randomUUID } from 'node:crypto'
import { traceHandler, traceProducer, type StreamEntry } from '@waybill/redis-streams'
import { Redis } from 'ioredis'
import { conformance } from './suite.ts'

conformance({
  name: 'redis-streams',
  broker: 'redis',
  systemName: 'redis',
  operations: { send: 'xadd', process: 'process' },
  accepts: (value) => typeof value === 'string' || Buffer.isBuffer(value),
  applicationHeaders: true,
  redelivers: true,
  open: async (url, options) => {
    const [stream, group] = [`stream-${randomUUID()}`, 'workers']
    const [bare, reader, traced] = [new Redis(url), new Redis(url), traceProducer(new Redis(url), options)]
    await bare.xgroup('CREATE', stream, group, '$', 'MKSTREAM')
    const fieldsOf = (headers = {}, body = '') =>
      ['body', body, ...Object.entries(headers).flat()] as string[]
    let lastId = ''
    return {
      destination: stream,
      source: stream,
      send: ({ body, headers }) => traced.xadd(stream, '*', ...Object.freeze(fieldsOf(headers, body))),
      sendBare: ({ body, headers }) => bare.xadd(stream, '*', ...fieldsOf(headers, body)),
      consume: async (handler) => {
        const handle = traceHandler(
          ([id, fields]: StreamEntry) => ((lastId = id), handler(fields?.[1] ?? '')),
          { stream, group, ...options },
        )
        const retry = async ([id]: StreamEntry): Promise<unknown> => {
          const [entry] = (await bare.xclaim(stream, group, 'me', 0, id)) as [StreamEntry]
          const [[, , , attempt]] = (await bare.xpending(stream, group, id, id, 1)) as [
            [string, string, number, number],
          ]
          return handle(entry, { attempt })
        }
        const loop = async (): Promise<void> => {
          for (;;) {
            const read = await reader.xreadgroup('GROUP', group, 'me', 'BLOCK', 0, 'STREAMS', stream, '>')
            for (const entry of read?.[0]?.[1] ?? [])
              void Promise.try(handle, entry).catch(() => retry(entry))
          }
        }
        loop().catch(() => undefined) // ends when close() disconnects the reader
      },
      arrivedAt: async () => Number(lastId.split('-')[0]),
      brokerNow: async () => bare.time().then(([s, us]) => Number(s) * 1000 + Number(us) / 1000),
      close: async () => (
        reader.disconnect(),
        traced.disconnect(),
        await bare.del(stream),
        bare.disconnect()
      ),
    }
  },
})
