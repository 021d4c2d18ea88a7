import { randomUUID } from 'node:crypto'
import type { BullmqTelemetry } from '@waybill/bullmq'
import { FlowProducer, Queue, Worker, type Processor, type WorkerOptions } from 'bullmq'
import { Redis } from 'ioredis'

/** One entry of a queue's event stream; `at` is the Redis clock, epoch ms. */
export interface QueueEvent {
  readonly at: number
  readonly event: string
  readonly jobId: string
  readonly prev?: string
  /** Of `delayed`: the due time, epoch ms. */
  readonly delay?: string
}

/** A queue of its own and the clients on it, removed by `close`. */
export interface BullmqScratch {
  readonly name: string
  readonly redis: Redis
  queue(telemetry?: BullmqTelemetry): Queue
  worker(
    processor: Processor | null,
    telemetry?: BullmqTelemetry,
    options?: Partial<WorkerOptions>,
  ): Promise<Worker>
  flows(telemetry?: BullmqTelemetry): FlowProducer
  events(event: string, jobId?: string): Promise<readonly QueueEvent[]>
  close(): Promise<void>
}

export function bullmqScratch(url: string): BullmqScratch {
  const name = `queue-${randomUUID()}`
  const connection = { url }
  const redis = new Redis(url)
  const workers: Worker[] = []
  const clients: { close(): Promise<void> }[] = []
  const keep = <C extends { close(): Promise<void> }>(client: C): C => (clients.push(client), client)
  const withTelemetry = (telemetry: BullmqTelemetry | undefined) => ({
    connection,
    ...(telemetry && { telemetry }),
  })
  return {
    name,
    redis,
    queue: (telemetry) => keep(new Queue(name, withTelemetry(telemetry))),
    flows: (telemetry) => keep(new FlowProducer(withTelemetry(telemetry))),
    async worker(processor, telemetry, options = {}) {
      const worker = new Worker(name, processor, { ...withTelemetry(telemetry), ...options })
      workers.push(worker)
      await worker.waitUntilReady()
      return worker
    },
    async events(event, jobId) {
      const entries = await redis.xrange(`bull:${name}:events`, '-', '+')
      return entries
        .map(([id, fields]) => {
          const pairs = fields.flatMap((field, i) => (i % 2 === 0 ? [[field, fields[i + 1]]] : []))
          return { at: Number(id.split('-')[0]), ...Object.fromEntries(pairs) } as QueueEvent
        })
        .filter((entry) => entry.event === event && (jobId === undefined || entry.jobId === jobId))
    },
    async close() {
      await Promise.all(workers.map((worker) => worker.close()))
      const queue = new Queue(name, { connection })
      await queue.obliterate({ force: true })
      await Promise.all([queue, ...clients].map((client) => client.close()))
      redis.disconnect()
    },
  }
}
