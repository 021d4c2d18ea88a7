import { context, metrics, propagation, ROOT_CONTEXT, SpanStatusCode, trace } from '@opentelemetry/api'
import { EventEmitter } from 'node:events'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { installSdk, type TestTelemetry } from '../../../integration-tests/telemetry.ts'
import { bullmqTelemetry, type BullmqSpan, type BullmqTelemetry } from '../src/index.ts'

type Attempt = (span: BullmqSpan) => unknown
const SENT = Date.now() - 300
const metadata = JSON.stringify({
  traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
  waybill: `sent=${SENT};origin=${SENT};op=add`,
})
const jobOf = (id = '1', more: object = {}) => ({
  id,
  name: 'invoice',
  timestamp: SENT,
  attemptsMade: 0,
  attemptsStarted: 1,
  stalledCounter: 0,
  stacktrace: [],
  opts: { telemetry: { metadata } },
  ...more,
})

/** The order of BullMQ 6.7's own calls, with no Redis beneath. */
function workerClass(swap = (job: ReturnType<typeof jobOf>) => job) {
  return class Worker extends EventEmitter {
    readonly id = 'worker-1'
    readonly name: string
    readonly opts: { readonly telemetry: BullmqTelemetry }
    constructor(name: string, telemetry: BullmqTelemetry) {
      super()
      this.name = name
      this.opts = { telemetry }
    }
    async processJob(handed: ReturnType<typeof jobOf>, attempt: Attempt): Promise<void> {
      const job = swap(handed)
      const { tracer, contextManager } = this.opts.telemetry
      const active = contextManager.active()
      const parent = contextManager.fromMetadata(active, job.opts.telemetry.metadata)
      const span = tracer.startSpan(`process ${this.name}`, { kind: 4 }, parent)
      try {
        span.setAttributes({ 'bullmq.queue.name': this.name, 'bullmq.queue.operation': 'process' })
        await contextManager.with(span.setSpanOnContext(parent), async () => {
          span.setAttributes({
            'bullmq.worker.id': this.id,
            'bullmq.job.id': job.id,
            'bullmq.job.name': job.name,
          })
          await attempt(span)
        })
      } catch (error) {
        span.recordException(error)
        throw error
      } finally {
        span.end()
      }
    }
  }
}

type Process = InstanceType<ReturnType<typeof workerClass>>['processJob']
const methodOf = (Worker: ReturnType<typeof workerClass>): unknown =>
  Reflect.get(Worker.prototype, 'processJob')

describe('job-awareness', () => {
  let telemetry: TestTelemetry
  beforeEach(() => {
    telemetry = installSdk()
  })
  afterEach(async () => {
    expect(telemetry.recorder.open).toEqual([])
    expect(trace.getSpan(context.active())).toBeUndefined()
    await telemetry.uninstall()
  })
  const processes = () => telemetry.recorder.spans.filter((span) => span.name === 'process billing')
  const transits = () => telemetry.recorder.spans.filter((span) => span.name === 'transit billing')
  const unknown = () => processes().map(({ attributes }) => attributes['waybill.transit.unknown'])

  test('with the class, a first delivery has its wait, and the worker is named', async () => {
    const Worker = workerClass()
    await new Worker('billing', bullmqTelemetry({ Worker })).processJob(jobOf(), () => undefined)
    expect(processes()[0]?.attributes).toMatchObject({
      'messaging.message.id': '1',
      'messaging.client.id': 'worker-1',
      'bullmq.job.name': 'invoice',
      'waybill.delivery.attempt': 1,
    })
    expect(processes()[0]?.attributes['waybill.transit.time']).toBeGreaterThanOrEqual(0.3)
    expect(transits()).toHaveLength(1)
    expect(telemetry.warnings).toEqual([])
  })

  test('bullmq-27: on this generation of API and SDK a job is traced; with no provider one warning says so', async () => {
    const Worker = workerClass()
    const worker = new Worker('billing', bullmqTelemetry({ Worker }))
    await worker.processJob(jobOf(), () => undefined)
    expect(processes()).toHaveLength(1)
    trace.disable()
    metrics.disable()
    propagation.disable()
    for (let i = 0; i < 2; i++) await worker.processJob(jobOf(), () => undefined)
    expect(processes()).toHaveLength(1)
    expect(telemetry.warnings).toEqual([expect.stringContaining('No OpenTelemetry SDK is registered')])
  })

  test('without it: the trace, job and worker, no wait, and one warning that names the cure', async () => {
    const Worker = workerClass()
    const worker = new Worker('billing', bullmqTelemetry())
    await worker.processJob(jobOf(), () => undefined)
    await worker.processJob(jobOf('2'), (span) =>
      span.addEvent('job failed', { 'bullmq.job.failed.reason': 'no' }),
    )
    expect(unknown()).toEqual(['interface_only', 'interface_only'])
    expect(transits()).toEqual([])
    const [first, second] = processes()
    expect(first?.parentSpanContext?.spanId).toBe('b7ad6b7169203331')
    expect(first?.attributes).toMatchObject({
      'messaging.message.id': '1',
      'messaging.client.id': 'worker-1',
    })
    expect(second?.status).toEqual({ code: SpanStatusCode.ERROR, message: 'no' })
    expect(second?.attributes['error.type']).toBe('_OTHER')
    expect(second?.events[0]?.attributes).not.toHaveProperty('exception.stacktrace')
    expect(telemetry.warnings).toHaveLength(1)
    expect(telemetry.warnings[0]).toContain('bullmqTelemetry({ Worker })')
  })

  test('a class is wrapped once, for every telemetry; each sees its own workers', async () => {
    const Worker = workerClass()
    const [a, b] = [bullmqTelemetry({ Worker }), bullmqTelemetry({ Worker })]
    const wrapped = methodOf(Worker)
    bullmqTelemetry({ Worker })
    expect(methodOf(Worker)).toBe(wrapped)
    await Promise.all(
      [a, { ...b }].map((own) => new Worker('billing', own).processJob(jobOf(), () => undefined)),
    )
    expect(unknown()).toEqual([undefined, undefined])
  })

  test('many jobs at once: none gets what belongs to another', async () => {
    const Worker = workerClass()
    const worker = new Worker('billing', bullmqTelemetry({ Worker }))
    const jobs = Array.from({ length: 100 }, (_, i) => jobOf(String(i), { attemptsStarted: i + 1 }))
    await Promise.all(jobs.map((job) => worker.processJob(job, () => new Promise(setImmediate))))
    const pairs = processes().map(({ attributes }) => [
      attributes['messaging.message.id'],
      attributes['waybill.delivery.attempt'],
    ])
    expect(pairs).toEqual(jobs.map(({ id, attemptsStarted }) => [id, attemptsStarted]))
  })

  test('a subclass that takes its time is seen, one that goes its own way is not', async () => {
    const Worker = workerClass()
    const own = bullmqTelemetry({ Worker })
    class Slow extends Worker {
      override async processJob(job: ReturnType<typeof jobOf>, attempt: Attempt): Promise<void> {
        await new Promise(setImmediate)
        return super.processJob(job, attempt)
      }
    }
    class Apart extends Worker {
      override processJob = methodOf(workerClass()) as Process
    }
    await new Slow('billing', own).processJob(jobOf(), () => undefined)
    await new Apart('billing', own).processJob(jobOf(), () => undefined)
    expect(unknown()).toEqual([undefined, 'interface_only'])
  })

  test('a job of other metadata in the slot is not believed', async () => {
    const Worker = workerClass((job) => ({ ...job, opts: { telemetry: { metadata: `${metadata} ` } } }))
    await new Worker('billing', bullmqTelemetry({ Worker })).processJob(jobOf(), () => undefined)
    expect(unknown()).toEqual(['interface_only'])
  })

  test('a slot serves one span, of the telemetry that its worker carries', async () => {
    const Worker = workerClass()
    const [own, other] = [bullmqTelemetry({ Worker }), bullmqTelemetry({ Worker })]
    const bareProcess = (): void => {
      const parent = other.contextManager.fromMetadata(ROOT_CONTEXT, metadata)
      const span = other.tracer.startSpan('process billing', { kind: 4 }, parent)
      span.setSpanOnContext(parent)
      span.end()
    }
    class Borrowing {
      readonly name = 'billing'
      readonly opts = { telemetry: own }
      processJob(_job: object): void {
        bareProcess()
      }
    }
    bullmqTelemetry({ Worker: Borrowing })
    new Borrowing().processJob(jobOf())
    await new Worker('billing', other).processJob(jobOf(), bareProcess)
    // In the order in which they end.
    expect(unknown()).toEqual(['interface_only', 'interface_only', undefined])
  })

  test('once BullMQ names another job than was in the slot, none is believed any more', async () => {
    const Worker = workerClass((job) => ({ ...job, id: `${job.id}-b` }))
    const worker = new Worker('billing', bullmqTelemetry({ Worker }))
    await worker.processJob(jobOf(), () => undefined)
    await worker.processJob(jobOf(), () => undefined)
    expect(unknown()[1]).toBe('interface_only')
    expect(processes()[0]?.attributes['messaging.message.id']).toBe('1-b')
    expect(telemetry.warnings).toHaveLength(1)
  })

  test.each([
    ['frozen', (Worker: ReturnType<typeof workerClass>) => Object.freeze(Worker.prototype)],
    [
      'of one value for good',
      (Worker: ReturnType<typeof workerClass>) =>
        Object.defineProperty(Worker.prototype, 'processJob', { writable: false }),
    ],
  ])('bullmq-13: a prototype that is %s: jobs run all the same', async (_what, harden) => {
    const Worker = workerClass()
    harden(Worker)
    let ran = false
    await new Worker('billing', bullmqTelemetry({ Worker })).processJob(jobOf(), () => (ran = true))
    expect(ran).toBe(true)
    expect(unknown()).toEqual(['interface_only'])
  })

  test("a job's own error, with its stack, though BullMQ tells the message only", async () => {
    const Worker = workerClass()
    const worker = new Worker('billing', bullmqTelemetry({ Worker }))
    const job = jobOf()
    await worker.processJob(job, (span) => {
      worker.emit('failed', job, new RangeError('too much'), 'active')
      span.addEvent('job failed', { 'bullmq.job.failed.reason': 'too much' })
    })
    await worker.processJob(jobOf(), (span) =>
      span.addEvent('job completed', { 'bullmq.job.result': '{"secret":1}' }),
    )
    const [failed, completed] = processes()
    expect(failed?.attributes['error.type']).toBe('RangeError')
    expect(failed?.events[0]?.attributes?.['exception.stacktrace']).toContain('job-aware.otel.test.ts')
    expect(completed?.status.code).toBe(SpanStatusCode.UNSET)
    expect(completed?.events).toEqual([])
    expect(worker.listenerCount('failed')).toBe(1)
  })

  test('settling that goes wrong: forgiven if BullMQ succeeds in the end, an error if it gives up', async () => {
    const Worker = workerClass()
    const worker = new Worker('billing', bullmqTelemetry({ Worker }))
    await worker.processJob(jobOf(), (span) => {
      span.recordException('Connection is closed.')
      span.addEvent('job completed', {})
      span.recordException('No next job.')
    })
    await worker.processJob(jobOf(), (span) => {
      span.recordException('Missing lock for job 1. moveToFinished')
    })
    expect(processes().map(({ status }) => status)).toEqual([
      { code: SpanStatusCode.UNSET },
      { code: SpanStatusCode.ERROR, message: 'Missing lock for job 1. moveToFinished' },
    ])
  })

  test('housekeeping is one shared span that changes no context', () => {
    const { tracer, contextManager } = bullmqTelemetry()
    const names = [
      'complete billing',
      'getNextJob billing',
      'moveStalledJobsToWait billing',
      'extendLocks billing',
      'pause billing',
    ]
    const [first, ...others] = names.map((name) => tracer.startSpan(name, { kind: 0 }))
    for (const other of others) expect(other).toBe(first)
    const here = ROOT_CONTEXT.setValue(Symbol.for('here'), true)
    expect(first?.setSpanOnContext(here)).toBe(here)
    expect(contextManager.with(here, () => context.active())).toBe(here)
    expect(contextManager.root()).toBe(ROOT_CONTEXT)
    expect(telemetry.recorder.started).toBe(0)
  })

  test('queue and job names may contain dots and spaces', () => {
    const { tracer } = bullmqTelemetry()
    const span = tracer.startSpan('add eu.billing.pay it. now', { kind: 3 })
    span.setAttributes({ 'bullmq.queue.name': 'eu.billing', 'bullmq.queue.operation': 'add' })
    span.setSpanOnContext(ROOT_CONTEXT)
    span.end()
    expect(telemetry.recorder.spans.map(({ name }) => name)).toEqual(['add eu.billing'])
  })

  test('an add that fails is an error of its span', () => {
    const { tracer } = bullmqTelemetry()
    const span = tracer.startSpan('addBulk billing', { kind: 3 })
    span.setAttributes({ 'bullmq.queue.name': 'billing' })
    span.setSpanOnContext(ROOT_CONTEXT)
    span.recordException(new TypeError('no connection'))
    span.end()
    expect(telemetry.recorder.spans[0]?.status.code).toBe(SpanStatusCode.ERROR)
    expect(telemetry.recorder.spans[0]?.attributes['error.type']).toBe('TypeError')
  })
})
