import { FlowProducer, JobScheduler, Queue, Worker, type QueueOptions, type WorkerOptions } from 'bullmq'
import { expect, test } from 'vitest'
import manifest from '../package.json' with { type: 'json' }
import { bullmqTelemetry } from '../src/index.ts'
import { VERSION } from '../src/version.ts'

test('the scope version is the package version', () => {
  expect(VERSION).toBe(manifest.version)
})

test("the telemetry fits BullMQ's own options", () => {
  const telemetry = bullmqTelemetry({ Worker, Queue, FlowProducer, JobScheduler })
  const options: QueueOptions & WorkerOptions = { connection: {}, telemetry }
  expect(options.telemetry).toBe(telemetry)
  // Checked by the compiler only: nothing is to connect here.
  const typed = () => [new Queue('q', options), new Worker('q', null, options), new FlowProducer(options)]
  expect(typed).toBeTypeOf('function')
})

test.each([
  [
    { Worker: {} },
    /^@waybill\/bullmq: bullmqTelemetry\(\) expected option Worker to be BullMQ's Worker class/,
  ],
  [{ Worker: class {} }, /option Worker/],
  [{ worker: Worker }, /expected options among .+, got "worker"/],
  [{ Queue: Worker }, /option Queue to be BullMQ's Queue class/],
  [{ FlowProducer: {} }, /option FlowProducer/],
  [{ JobScheduler: class {} }, /option JobScheduler/],
  [{ maxFanOut: 0 }, /option maxFanOut to be a number from 1 on/],
  [{ bulkSpans: 'yes' }, /option bulkSpans to be a boolean/],
  [{ trustTimestamp: 1 }, /option trustTimestamp to be a boolean or a function/],
  [{ jobAttributes: {} }, /option jobAttributes to be a function/],
  [{ housekeeping: 1 }, /option housekeeping/],
  [{ relation: 'child' }, /option relation/],
  ['billing', /an options object/],
])('%o is refused', (options, message) => {
  expect(() => bullmqTelemetry(options as never)).toThrow(message)
})

test('frozen options work', () => {
  expect(bullmqTelemetry(Object.freeze({ transitSpan: Object.freeze({ minMs: 0 }) })).tracer).toBeTypeOf(
    'object',
  )
})

test('without an SDK nothing is written, and every span is the same one', () => {
  const { tracer, contextManager } = bullmqTelemetry()
  const add = tracer.startSpan('add billing.invoice', { kind: 3 })
  const process = tracer.startSpan('process billing', { kind: 4 })
  expect(process).toBe(add)
  const context = contextManager.active()
  expect(add.setSpanOnContext(context)).toBe(context)
  expect(contextManager.getMetadata(context)).toBe('')
})
