import { execFile } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import path from 'node:path'
import { promisify } from 'node:util'
import { context, propagation, ROOT_CONTEXT, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api'
import { bullmqTelemetry } from '@waybill/bullmq'
import { traceTree, type RecordedSpan } from '@waybill/core/testing'
import * as bullmq from 'bullmq'
import {
  DelayedError,
  RateLimitError,
  WaitingChildrenError,
  WaitingError,
  type Job,
  type Processor,
  type Queue,
} from 'bullmq'
import { BullMQOtel } from 'bullmq-otel'
import { afterAll, afterEach, beforeEach, describe, expect, inject, test, vi } from 'vitest'
import { bullmqScratch, type BullmqScratch } from './scratch.ts'
import type { WrittenSpan } from '../readme-telemetry.ts'
import { installSdk, type TestTelemetry } from '../telemetry.ts'

const broker = inject('brokers').redis
const url = 'url' in broker ? broker.url : ''
const TRACEPARENT = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'
const ms = ([seconds, nanos]: readonly [number, number]): number => seconds * 1000 + nanos / 1e6

describe.skipIf('missing' in broker)('bullmq on a real Redis', () => {
  let telemetry: TestTelemetry
  let scratch: BullmqScratch
  beforeEach(() => {
    telemetry = installSdk()
    scratch = bullmqScratch(url)
  })
  afterEach(async () => {
    await scratch.close()
    expect(telemetry.recorder.open).toEqual([])
    await telemetry.uninstall()
  })
  const ours = () => bullmqTelemetry({ transitSpan: { minMs: 0 } })
  const spans = (operation: string): RecordedSpan[] =>
    telemetry.recorder.spans.filter((span) => span.name.startsWith(`${operation} `))
  const span = (operation: string): RecordedSpan | undefined => spans(operation)[0]
  const processed = (count: number): Promise<RecordedSpan[]> =>
    vi.waitFor(
      () => {
        expect(spans('process').length).toBeGreaterThanOrEqual(count)
        expect(telemetry.recorder.open).toEqual([])
        return spans('process')
      },
      { timeout: 10_000, interval: 5 },
    )
  const nothing: Processor = async () => undefined
  const parentOf = (child: RecordedSpan | undefined) => child?.parentSpanContext?.spanId
  const points = async (): Promise<number> => {
    const series = await telemetry.series('waybill.transit.duration')
    return series.reduce((sum, { value }) => sum + (value as { count: number }).count, 0)
  }

  test('add: names and attributes of both sides, and nothing but messages is traced', async () => {
    const queue = scratch.queue(ours())
    const job = await queue.add('invoice', { secret: 'data' })
    const worker = await scratch.worker(async () => ({ secret: 'result' }), ours())
    await processed(1)
    await worker.close()
    const { name } = scratch
    expect(traceTree(telemetry.recorder.spans)).toBe(`add ${name}\n  transit ${name}\n  process ${name}`)
    const both = {
      'messaging.system.name': 'bullmq',
      'messaging.destination.name': name,
      'messaging.message.id': job.id,
      'bullmq.job.name': 'invoice',
    }
    expect(span('add')?.attributes).toMatchObject(both)
    expect(span('process')?.attributes).toMatchObject({
      ...both,
      'messaging.client.id': worker.id,
      'bullmq.job.attempts.made': 1,
      'server.address': new URL(url).hostname,
      'server.port': Number(new URL(url).port),
    })
    expect(JSON.stringify(telemetry.recorder.spans.map((s) => [s.attributes, s.events]))).not.toContain(
      'secret',
    )
    expect(telemetry.warnings).toEqual([])
  })

  test('addBulk: one PRODUCER span, three process children', async () => {
    const queue = scratch.queue(ours())
    await queue.addBulk([1, 2, 3].map((i) => ({ name: `job-${i}`, data: {} })))
    await scratch.worker(nothing, ours())
    await processed(3)
    const [bulk, ...others] = spans('addBulk')
    expect(others).toEqual([])
    expect(bulk?.kind).toBe(SpanKind.PRODUCER)
    expect(bulk?.attributes['messaging.batch.message_count']).toBe(3)
    expect(spans('process').map(parentOf)).toEqual(Array(3).fill(bulk?.spanContext().spanId))
    expect(spans('transit')).toHaveLength(3)
    const [sent] = await telemetry.series('messaging.client.sent.messages')
    expect(sent?.value).toBe(3)
  })

  test('two retries with a fixed backoff: siblings with their attempt, no wait counted from the add', async () => {
    const queue = scratch.queue(ours())
    await queue.add('flaky', {}, { attempts: 3, backoff: { type: 'fixed', delay: 300 } })
    await scratch.worker(async (job) => {
      if (job.attemptsMade < 2) throw new RangeError(`attempt ${job.attemptsMade + 1} failed`)
    }, ours())
    const attempts = await processed(3)
    expect(attempts.map(parentOf)).toEqual(Array(3).fill(span('add')?.spanContext().spanId))
    expect(attempts.map(({ attributes }) => attributes['waybill.delivery.attempt'])).toEqual([1, 2, 3])
    expect(attempts.map(({ attributes }) => attributes['waybill.transit.unknown'])).toEqual([
      undefined,
      'redelivered',
      'redelivered',
    ])
    expect(attempts.map(({ status }) => status.code)).toEqual([
      SpanStatusCode.ERROR,
      SpanStatusCode.ERROR,
      SpanStatusCode.UNSET,
    ])
    for (const [i, failed] of attempts.slice(0, 2).entries()) {
      expect(failed.attributes['error.type']).toBe('RangeError')
      const [exception, ...more] = failed.events
      expect(more).toEqual([])
      expect(exception?.attributes?.['exception.message']).toBe(`attempt ${i + 1} failed`)
      expect(exception?.attributes?.['exception.stacktrace']).toContain(path.basename(import.meta.filename))
    }
    expect(ms(attempts[1]!.startTime) - ms(attempts[0]!.startTime)).toBeGreaterThanOrEqual(300)
    expect(attempts[2]?.attributes['waybill.message.age']).toBeGreaterThanOrEqual(0.6)
    expect(spans('transit')).toHaveLength(1)
    expect(await points()).toBe(1)
  })

  test('a delay is no wait: transit starts at the due time that the event stream names', async () => {
    const queue = scratch.queue(ours())
    await scratch.worker(nothing, ours())
    const job = await queue.add('later', {}, { delay: 500 })
    const [process] = await processed(1)
    const transit = span('transit')
    const [delayed] = await scratch.events('delayed', job.id)
    expect(ms(transit!.startTime)).toBeCloseTo(Number(delayed?.delay), 3)
    expect(transit?.attributes['waybill.transit.scheduled_delay']).toBe(0.5)
    expect(ms(transit!.endTime)).toBeLessThanOrEqual(ms(process!.startTime) + 1)
    expect(process?.attributes['waybill.transit.time']).toBeLessThan(0.4)
  })

  test('a delayed job that is promoted early has no known wait', async () => {
    const queue = scratch.queue(ours())
    const job = await queue.add('later', {}, { delay: 60_000 })
    await job.promote()
    await scratch.worker(nothing, ours())
    const [process] = await processed(1)
    expect(process?.attributes['waybill.transit.unknown']).toBe('rescheduled')
    expect(await points()).toBe(0)
  })

  test.each([-60_000, 60_000])(
    'a timestamp of the application, off by %i ms, changes nothing',
    async (off) => {
      const queue = scratch.queue(ours())
      const job = await queue.add('faked', {}, { timestamp: Date.now() + off })
      await scratch.worker(nothing, ours())
      const [process] = await processed(1)
      const [waiting] = await scratch.events('waiting', job.id)
      const [active] = await scratch.events('active', job.id)
      const truth = (active!.at - waiting!.at) / 1000
      const time = process?.attributes['waybill.transit.time'] as number
      expect(Math.abs(time - truth), `transit ${time} s, by the event stream ${truth} s`).toBeLessThan(0.02)
    },
  )

  const flowControl: Record<string, (job: Job, token: string | undefined, queue: Queue) => Promise<unknown>> =
    {
      DelayedError: async (job, token) => {
        await job.moveToDelayed(Date.now() + 50, token)
        return new DelayedError()
      },
      WaitingError: async (job, token) => {
        await job.moveToWait(token)
        return new WaitingError()
      },
      WaitingChildrenError: async (job, token, queue) => {
        await queue.add('child', {}, { parent: { id: job.id ?? '', queue: job.queueQualifiedName } })
        await job.moveToWaitingChildren(token ?? '')
        return new WaitingChildrenError()
      },
      RateLimitError: async (_job, _token, queue) => {
        await queue.rateLimit(50)
        return new RateLimitError()
      },
    }
  test.each(Object.keys(flowControl))(
    '%s is no failure, and the next run no first delivery',
    async (name) => {
      const queue = scratch.queue(ours())
      await queue.add('step', { again: true })
      await scratch.worker(async (job: Job, token) => {
        if (job.name !== 'step' || !job.data.again) return
        await job.updateData({ again: false })
        throw await flowControl[name]?.(job, token, queue)
      }, ours())
      const steps = await vi.waitFor(() => {
        const found = spans('process').filter(({ attributes }) => attributes['bullmq.job.name'] === 'step')
        expect(found).toHaveLength(2)
        return found
      })
      expect(steps.map((step) => step.status.code)).toEqual([SpanStatusCode.UNSET, SpanStatusCode.UNSET])
      expect(steps.flatMap(({ events }) => events)).toEqual([])
      expect(steps.map(({ attributes }) => attributes['waybill.delivery.attempt'])).toEqual([1, 2])
      expect(steps[1]?.attributes['waybill.transit.unknown']).toBe('redelivered')
      expect(
        spans('transit').filter((transit) => transit.attributes['messaging.message.id'] === '1'),
      ).toHaveLength(1)
    },
  )

  test('a job that stalled: its second run is a sibling without a wait', async () => {
    const queue = scratch.queue(ours())
    const job = await queue.add('job', {})
    // A worker that fetched it and died: no lock, so the first check hands it on, once it was found twice.
    const dead = await scratch.worker(null, undefined)
    await dead.getNextJob('token')
    await scratch.redis.del(`bull:${scratch.name}:${job.id}:lock`)
    await scratch.worker(nothing, ours(), { stalledInterval: 50 })
    const [second] = await processed(1)
    expect(await scratch.events('stalled', job.id)).toHaveLength(1)
    expect(parentOf(second)).toBe(span('add')?.spanContext().spanId)
    expect(second?.attributes).toMatchObject({
      'waybill.delivery.attempt': 2,
      'waybill.transit.unknown': 'redelivered',
    })
    expect(await points()).toBe(0)
  })

  const foreign: Record<string, unknown> = {
    "Sentry's string": '0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-1',
    "dd-trace's object": JSON.stringify({
      _datadog: { traceparent: TRACEPARENT, 'x-datadog-trace-id': '1' },
    }),
    'JSON null': 'null',
    'a JSON number': '42',
    'a JSON string': '"x"',
    'a JSON list': '[]',
    'an empty object': '{}',
    'a broken object': '{"traceparent":',
    '1 MB': 'x'.repeat(1_000_000),
    '1 MB of JSON': JSON.stringify({ traceparent: 'x'.repeat(1_000_000) }),
    'a number': 7,
    'an object': { traceparent: TRACEPARENT },
    "bullmq-otel's": JSON.stringify({ traceparent: TRACEPARENT, baggage: 'tenant=a' }),
    "Elixir's": JSON.stringify({ traceparent: TRACEPARENT, tracestate: 'a=b' }),
  }
  test.each([1, 5])(
    'foreign metadata at concurrency %i: all jobs run, and the worker closes',
    async (concurrency) => {
      const bare = scratch.queue()
      const names = Object.keys(foreign)
      for (const name of names) {
        const omitContext = name.startsWith('dd-trace')
        await bare.add(name, {}, { telemetry: { metadata: foreign[name] as string, omitContext } })
      }
      const done: string[] = []
      const worker = await scratch.worker(async (job) => void done.push(job.name), ours(), { concurrency })
      const processes = await processed(names.length)
      await worker.close()
      expect(done.toSorted()).toEqual(names.toSorted())
      const parents = Object.fromEntries(
        processes.map((process) => [
          process.attributes['bullmq.job.name'],
          process.parentSpanContext?.traceId ?? process.attributes['waybill.root.reason'],
        ]),
      )
      const continued = '0af7651916cd43dd8448eb211c80319c'
      expect(parents).toMatchObject({
        "Sentry's string": 'malformed',
        "dd-trace's object": continued,
        'JSON null': 'malformed',
        'an empty object': 'no_carrier',
        'an object': continued,
        "bullmq-otel's": continued,
        "Elixir's": continued,
      })
      expect(new Set(processes.map(({ attributes }) => attributes['waybill.transit.unknown']))).toEqual(
        new Set(['no_timestamp']),
      )
    },
  )

  test('a worker built inside a span: jobs of an untraced producer are roots without its baggage', async () => {
    const bare = scratch.queue()
    const baggage = propagation.createBaggage({ tenant: { value: 'BOOT' } })
    const startup = trace.getTracer('test').startSpan('startup')
    const seen: unknown[] = []
    await context.with(trace.setSpan(propagation.setBaggage(ROOT_CONTEXT, baggage), startup), () =>
      scratch.worker(async () => void seen.push(propagation.getActiveBaggage()), ours()),
    )
    startup.end()
    await bare.addBulk([
      { name: 'a', data: {} },
      { name: 'b', data: {} },
    ])
    const processes = await processed(2)
    expect(processes.map(parentOf)).toEqual([undefined, undefined])
    expect(processes.map(({ attributes }) => attributes['waybill.root.reason'])).toEqual([
      'no_carrier',
      'no_carrier',
    ])
    expect(new Set(processes.map((process) => process.spanContext().traceId)).size).toBe(2)
    expect(seen).toEqual([undefined, undefined])
    expect(telemetry.recorder.spans).toHaveLength(3)
  })

  test('iterations of a job scheduler: each a trace of its own with a link, timed from when it was due', async () => {
    const queue = scratch.queue(ours())
    await queue.upsertJobScheduler('tick', { every: 200 }, { name: 'tick' })
    await queue.add('other', {})
    await scratch.worker(nothing, ours())
    await processed(4)
    await queue.removeJobScheduler('tick')
    const upsert = spans('add').find(({ attributes }) => attributes['bullmq.job.name'] === undefined)
    expect(spans('add'), 'the upsert and the other job').toHaveLength(2)
    const ticks = spans('process').filter(({ attributes }) => attributes['bullmq.job.name'] === 'tick')
    expect(ticks.length).toBeGreaterThanOrEqual(3)
    for (const tick of ticks) {
      expect(parentOf(tick)).toBeUndefined()
      expect(tick.attributes['waybill.root.reason']).toBe('scheduled')
      expect(tick.links.map((link) => link.context.spanId)).toEqual([upsert?.spanContext().spanId])
      expect(tick.attributes['waybill.transit.time']).toBeLessThan(0.2)
      const due = Number(String(tick.attributes['messaging.message.id']).split(':').at(-1))
      expect(ms(tick.startTime) - due).toBeCloseTo(
        (tick.attributes['waybill.transit.time'] as number) * 1000,
        -1,
      )
    }
    expect(new Set(ticks.map((tick) => tick.spanContext().traceId)).size).toBe(ticks.length)
    expect(spans('transit').map(parentOf)).not.toContain(upsert?.spanContext().spanId)
    const journeys = await telemetry.series('waybill.journey.duration')
    expect(journeys[0]?.value).toSatisfy(({ max }: { max: number }) => max < 0.5)
  })

  test('a flow: one trace where opts allow, and no wait is claimed for what may be a parent', async () => {
    const flows = scratch.flows(ours())
    const queueName = scratch.name
    await flows.add({
      name: 'parent',
      queueName,
      opts: {},
      children: [
        { name: 'child', queueName, opts: {} },
        { name: 'bare child', queueName },
      ],
    })
    await scratch.worker(nothing, ours())
    await processed(3)
    const [flow] = spans('addFlow')
    const nodes = spans('addNode')
    expect(nodes.map(({ kind }) => kind)).toEqual([SpanKind.PRODUCER, SpanKind.PRODUCER, SpanKind.PRODUCER])
    expect(new Set(nodes.map((node) => node.spanContext().traceId))).toEqual(
      new Set([flow?.spanContext().traceId]),
    )
    const of = (name: string) =>
      spans('process').find(({ attributes }) => attributes['bullmq.job.name'] === name)
    for (const name of ['parent', 'child']) {
      const node = nodes.find(({ attributes }) => attributes['bullmq.job.name'] === name)
      expect(parentOf(of(name)), name).toBe(node?.spanContext().spanId)
      expect(of(name)?.attributes['messaging.message.id']).toBe(node?.attributes['messaging.message.id'])
      expect(of(name)?.attributes['waybill.transit.unknown']).toBe('flow_parent')
    }
    expect(of('bare child')?.attributes['waybill.root.reason']).toBe('no_carrier')
    const [sent] = await telemetry.series('messaging.client.sent.messages')
    expect(sent?.value).toBe(3)
    expect(await points()).toBe(0)
  })

  test('with bullmq-otel as producer: its trace and baggage are continued, no wait is claimed', async () => {
    const queue = scratch.queue(new BullMQOtel({ tracerName: 'peer' }) as never)
    let tenant: string | undefined
    await scratch.worker(async () => {
      tenant = propagation.getActiveBaggage()?.getEntry('tenant')?.value
    }, ours())
    const baggage = propagation.createBaggage({ tenant: { value: 'acme' } })
    await context.with(propagation.setBaggage(ROOT_CONTEXT, baggage), () => queue.add('job', {}))
    const [process] = await processed(1)
    expect(parentOf(process)).toBe(span('add')?.spanContext().spanId)
    expect(process?.attributes['waybill.transit.unknown']).toBe('no_timestamp')
    expect(tenant).toBe('acme')
  })

  test('with bullmq-otel as consumer: it continues our trace and baggage', async () => {
    const queue = scratch.queue(ours())
    let tenant: string | undefined
    const worker = await scratch.worker(
      async () => {
        tenant = propagation.getActiveBaggage()?.getEntry('tenant')?.value
      },
      new BullMQOtel({ tracerName: 'peer' }) as never,
    )
    const baggage = propagation.createBaggage({ tenant: { value: 'acme' } })
    await context.with(propagation.setBaggage(ROOT_CONTEXT, baggage), () => queue.add('job', {}))
    await vi.waitFor(() => expect(spans('process')).toHaveLength(1), { timeout: 5000, interval: 5 })
    await worker.close()
    await vi.waitFor(() => expect(telemetry.recorder.open).toEqual([]))
    expect(parentOf(span('process'))).toBe(span('add')?.spanContext().spanId)
    expect(tenant).toBe('acme')
  })

  test('a job without SDK carries nothing of ours', async () => {
    await telemetry.uninstall()
    const queue = scratch.queue(ours())
    const job = await queue.add('job', {})
    expect(JSON.parse((await scratch.redis.hget(`bull:${scratch.name}:${job.id}`, 'opts')) ?? '')).toEqual({
      attempts: 0,
    })
    telemetry = installSdk()
  })

  test('import and require give the same class here', () => {
    expect(createRequire(import.meta.url)('bullmq')).toHaveProperty('Worker', bullmq.Worker)
  })

  describe('in a process of its own, jobs are seen', () => {
    const folder = mkdtempSync(path.join(import.meta.dirname, '.bullmq-'))
    afterAll(() => {
      rmSync(folder, { recursive: true })
    })
    const body = `
      const connection = { url: process.env.REDIS_URL }
      async function main({ Queue, Worker }) {
        const queue = new Queue(process.env.QUEUE, { connection, telemetry })
        await queue.add('job', {})
        await queue.close()
        const worker = new Worker(process.env.QUEUE, async () => undefined, { connection, telemetry })
        await new Promise((resolve) => worker.once('completed', resolve))
        await worker.close()
      }`
    const telemetryOf = 'const telemetry = bullmqTelemetry({ transitSpan: { minMs: 0 } })'
    test.each([
      [
        'import',
        'a.mjs',
        `import * as bullmq from 'bullmq'\nimport { bullmqTelemetry } from '@waybill/bullmq'`,
        'bullmq',
      ],
      [
        'require',
        'b.cjs',
        `const bullmq = require('bullmq')\nconst { bullmqTelemetry } = require('@waybill/bullmq')`,
        'bullmq',
      ],
      [
        'import after the telemetry was made',
        'c.mjs',
        `import { bullmqTelemetry } from '@waybill/bullmq'`,
        `await import('bullmq')`,
      ],
      [
        'require after the telemetry was made',
        'd.cjs',
        `const { bullmqTelemetry } = require('@waybill/bullmq')`,
        `require('bullmq')`,
      ],
    ])('%s', async (_how, file, imports, classes) => {
      writeFileSync(path.join(folder, file), [imports, telemetryOf, body, `main(${classes})`].join('\n'))
      const spansFile = path.join(folder, `${file}.json`)
      await promisify(execFile)(
        process.execPath,
        [
          '--no-warnings',
          '--conditions=waybill-source',
          '--import',
          path.join(import.meta.dirname, '../readme-telemetry.ts'),
          path.join(folder, file),
        ],
        {
          env: { ...process.env, REDIS_URL: url, QUEUE: scratch.name, SPANS_FILE: spansFile },
          timeout: 25_000,
        },
      )
      const written = JSON.parse(readFileSync(spansFile, 'utf8')) as { spans: WrittenSpan[]; open: string[] }
      expect(written.open).toEqual([])
      const operations = written.spans.map(({ name }) => name.split(' ')[0])
      expect(new Set(operations)).toEqual(new Set(['add', 'process', 'transit']))
    })
  })
})
