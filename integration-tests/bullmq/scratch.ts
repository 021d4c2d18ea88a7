import { randomUUID } from 'node:crypto'
import type { BullmqTelemetry } from '@waybill/bullmq'
import {
  FlowProducer,
  Queue,
  QueueEvents,
  Worker,
  type Processor,
  type QueueOptions,
  type WorkerOptions,
} from 'bullmq'
import type { Redis } from 'ioredis'
import { ioredisBackend, type Backend, type QueueEvent } from './backends.ts'

/** A queue of its own and the clients on it, removed by `close`. */
export interface BullmqScratch {
  readonly name: string
  readonly redis: Redis
  readonly backend: Backend
  queue(telemetry?: BullmqTelemetry, options?: Partial<QueueOptions>): Queue
  worker(
    processor: Processor | string | URL | null,
    telemetry?: BullmqTelemetry,
    options?: Partial<WorkerOptions>,
  ): Promise<Worker>
  flows(telemetry?: BullmqTelemetry): FlowProducer
  queueEvents(): Promise<QueueEvents>
  events(event: string, jobId?: string): Promise<readonly QueueEvent[]>
  close(): Promise<void>
}

export function bullmqScratch(backend: Backend | string): BullmqScratch {
  const own = typeof backend === 'string' ? ioredisBackend(backend) : undefined
  const { connection, factory, redis, events } = own ?? (backend as Backend)
  const name = `queue-${randomUUID()}`
  const workers: Worker[] = []
  let closed = false
  const clients: { close(): Promise<void> }[] = []
  const keep = <C extends { close(): Promise<void> }>(client: C): C => (clients.push(client), client)
  const withTelemetry = (telemetry: BullmqTelemetry | undefined) => ({
    connection,
    ...(telemetry && { telemetry }),
  })
  return {
    name,
    redis: redis as Redis,
    backend: own ?? (backend as Backend),
    queue: (telemetry, options = {}) =>
      keep(
        new Queue(name, { ...withTelemetry(telemetry), ...options }, factory as never) as unknown as Queue,
      ),
    flows: (telemetry) =>
      keep(new FlowProducer(withTelemetry(telemetry), factory as never) as unknown as FlowProducer),
    async queueEvents() {
      // Short, since on PostgreSQL an event between its first look and its LISTEN is seen at the next look only.
      const options = { connection, lastEventId: '0', blockingTimeout: 100 }
      const queueEvents = keep(new QueueEvents(name, options, factory as never) as unknown as QueueEvents)
      await queueEvents.waitUntilReady()
      return queueEvents
    },
    async worker(processor, telemetry, options = {}) {
      const given = { ...withTelemetry(telemetry), ...options }
      const worker = new Worker(name, processor, given, factory as never) as unknown as Worker
      workers.push(worker)
      await worker.waitUntilReady()
      return worker
    },
    async events(event, jobId) {
      const all = await events(name)
      return all.filter((entry) => entry.event === event && (jobId === undefined || entry.jobId === jobId))
    },
    async close() {
      if (closed) return
      closed = true
      await Promise.all(workers.map((worker) => worker.close()))
      const queue = new Queue(name, { connection }, factory as never)
      await queue.obliterate({ force: true })
      await Promise.all([queue, ...clients].map((client) => client.close()))
      await own?.close()
    },
  }
}
