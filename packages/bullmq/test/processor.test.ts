import { expect, test } from 'vitest'
import { observeQueue, runJob, traceProcessor, traceRelay } from '../src/index.ts'

test('without an SDK a processor is called as it is, with all of its arguments and its own this', async () => {
  const self = {}
  const processor = traceProcessor(function run(this: unknown, ...args: unknown[]) {
    return [this, ...args]
  } as never) as unknown as (...args: unknown[]) => unknown
  expect(processor.call(self, { name: 'job' }, 'token', 'signal')).toEqual([
    self,
    { name: 'job' },
    'token',
    'signal',
  ])
  expect(processor.call(self, undefined)).toEqual([self, undefined])
})

test('what is no processor is refused, and so is an unknown option', () => {
  expect(() => traceProcessor('file.js' as never)).toThrow(
    /traceProcessor\(\) expected a function, got "file.js"/,
  )
  expect(() => traceProcessor(() => undefined, { worker: 1 } as never)).toThrow(/got "worker"/)
})

test('a job of a worker without our telemetry is just run', () => {
  const worker = { id: 'w', name: 'q', opts: {}, on: () => undefined }
  expect(runJob(worker, { attemptsStarted: 1 }, () => 'done')).toBe('done')
  expect(() => runJob({} as never, {}, () => undefined)).toThrow(/runJob\(\) expected a BullMQ Worker/)
})

test('a relay is patched once', () => {
  const relay = { publish: async () => undefined, subscribe: async () => undefined }
  traceRelay(relay)
  const { publish } = relay
  expect(traceRelay(relay).publish).toBe(publish)
  expect(() => traceRelay(relay, { template: 'x' as never })).toThrow(/option template to be a function/)
})

test('an observer that is stopped listens no more', () => {
  const listeners = new Map<string, unknown>()
  const events = {
    name: 'q',
    on: (event: string, listener: unknown) => void listeners.set(event, listener),
    off: (event: string) => void listeners.delete(event),
  }
  const observer = observeQueue(events as never)
  expect([...listeners.keys()]).toContain('active')
  observer.stop()
  expect(listeners.size).toBe(0)
})
