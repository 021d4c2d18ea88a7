import { createRequire } from 'node:module'
import type { BullmqOptions } from './options.ts'

/** The classes of one copy of BullMQ, each looked up only when it is wanted. */
export type Classes = Readonly<Record<'Worker' | 'Queue' | 'FlowProducer' | 'JobScheduler', () => unknown>>

const FILES = {
  Worker: 'worker.js',
  Queue: 'queue.js',
  FlowProducer: 'flow-producer.js',
  JobScheduler: 'job-scheduler.js',
} as const

/**
 * Every copy of BullMQ that Node.js has loaded by now, several versions too: `import` and `require` end up in the same
 * cache. A bundle has no such files; its user passes the classes.
 */
export function loadedCopies(): Classes[] {
  const { cache } = createRequire(import.meta.url)
  return Object.keys(cache)
    .filter((file) => /[\\/]dist[\\/]cjs[\\/]classes[\\/]worker\.js$/.test(file))
    .map((file) => {
      const folder = file.slice(0, -FILES.Worker.length)
      const exported = (name: keyof typeof FILES) => (): unknown =>
        (cache[folder + FILES[name]]?.exports as Record<string, unknown> | undefined)?.[name]
      return {
        Worker: exported('Worker'),
        Queue: exported('Queue'),
        FlowProducer: exported('FlowProducer'),
        JobScheduler: exported('JobScheduler'),
      }
    })
}

/** The classes that the application has passed. */
export function givenClasses(options: BullmqOptions = {}): Classes {
  return {
    Worker: () => options.Worker,
    Queue: () => options.Queue,
    FlowProducer: () => options.FlowProducer,
    JobScheduler: () => options.JobScheduler,
  }
}
