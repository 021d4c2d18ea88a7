import { context, propagation, ROOT_CONTEXT, SpanKind, trace } from '@opentelemetry/api'
import { runJob } from '@waybill/bullmq'
import { traceTree } from '@waybill/core/testing'
import { describe, expect, test } from 'vitest'
import {
  everyBackend,
  idOf,
  linksOf,
  ms,
  nothing,
  onBackends,
  parentOf,
  pause,
  traceOf,
  valuesOf,
} from './suite.ts'

const inSpan = <T>(name: string, run: () => Promise<T>): Promise<T> => {
  const span = trace.getTracer('test').startSpan(name, {}, context.active())
  return context.with(trace.setSpan(context.active(), span), run).finally(() => {
    span.end()
  })
}
const freeze = <T>(value: T): T => {
  if (typeof value === 'object' && value !== null) Object.values(value).forEach(freeze)
  return Object.freeze(value)
}

describe('traces that hold together', () => {
  onBackends(everyBackend, (suite) => {
    const named = (name: string) =>
      suite.spans('process').find(({ attributes }) => attributes['bullmq.job.name'] === name)

    test('bullmq-1: add and process are one trace with tracestate and baggage; nothing but messages is traced', async () => {
      const { scratch, telemetry, ours } = suite
      const queue = scratch.queue(ours())
      const state = trace.setSpanContext(ROOT_CONTEXT, {
        traceId: '0af7651916cd43dd8448eb211c80319c',
        spanId: 'b7ad6b7169203331',
        traceFlags: 1,
      })
      const baggage = propagation.createBaggage({ tenant: { value: 'acme' } })
      const job = await context.with(propagation.setBaggage(state, baggage), () => queue.add('invoice', {}))
      let tenant: string | undefined
      const worker = await scratch.worker(async () => {
        tenant = propagation.getActiveBaggage()?.getEntry('tenant')?.value
      }, ours())
      await suite.processed(1)
      await worker.close()
      const { name } = scratch
      expect(traceTree(telemetry.recorder.spans)).toBe(`add ${name}\n  transit ${name}\n  process ${name}`)
      expect(traceOf(suite.spans('process')[0])).toBe('0af7651916cd43dd8448eb211c80319c')
      expect(tenant).toBe('acme')
      expect(job.opts.telemetry?.metadata).toMatch(
        /^\{"traceparent":"00-0af7651916cd43dd8448eb211c80319c-\w{16}-01","baggage":"tenant=acme","waybill":"sent=\d+;origin=\d+;op=add"\}$/,
      )
      expect(telemetry.warnings).toEqual([])
    })

    test('bullmq-8: a flow is one trace, with opts on its nodes and without, from a frozen tree that stays as it was', async () => {
      const { scratch, telemetry, ours } = suite
      const queueName = scratch.name
      const tree = freeze({
        name: 'parent',
        queueName,
        children: [
          { name: 'child', queueName, opts: {} },
          { name: 'bare child', queueName, children: [{ name: 'grandchild', queueName }] },
        ],
      })
      const before = structuredClone(tree)
      const { job } = await inSpan('request', () => scratch.flows(ours()).add(tree))
      expect(tree).toEqual(before)
      await scratch.worker(nothing, ours())
      const processes = await suite.processed(4)
      expect(new Set(processes.map(traceOf))).toEqual(new Set([traceOf(suite.spans('request')[0])]))
      expect(traceTree(suite.spans('add').length === 0 ? telemetry.recorder.spans : [])).toBe(
        [
          'request',
          `  addFlow ${queueName}`,
          `    addNode ${queueName}`,
          `      addNode ${queueName}`,
          `        transit ${queueName}`,
          `        process ${queueName}`,
          `      addNode ${queueName}`,
          `        addNode ${queueName}`,
          `          transit ${queueName}`,
          `          process ${queueName}`,
          `        process ${queueName}`,
          `      process ${queueName}`,
        ].join('\n'),
      )
      const flow = idOf(suite.spans('addFlow')[0])
      const root = suite.spans('addNode').find((node) => parentOf(node) === flow)
      expect(root?.attributes['messaging.message.id']).toBe(job.id)
      expect(parentOf(named('parent'))).toBe(idOf(root))
      const [sent] = await telemetry.series('messaging.client.sent.messages')
      expect(sent?.value).toBe(4)
    })

    test('bullmq-9: leaves have their wait, parents none, also where a delay is asked for; several flows in one call', async () => {
      const { scratch, ours } = suite
      const queueName = scratch.name
      const leaf = { name: 'leaf', queueName }
      await scratch.flows(ours()).addBulk([
        { name: 'parent', queueName, opts: { delay: 50 }, children: [leaf] },
        { name: 'alone', queueName },
      ])
      await scratch.worker(nothing, ours())
      await suite.processed(3)
      expect(named('parent')?.attributes['waybill.transit.unknown']).toBe('flow_parent')
      expect(named('leaf')?.attributes['waybill.transit.time']).toBeDefined()
      expect(named('alone')?.attributes['waybill.transit.time']).toBeDefined()
      expect(await suite.points()).toBe(2)
      const [call] = suite.spans('addBulkFlows')
      expect(call?.name).toBe('addBulkFlows')
      const roots = suite.spans('addNode').filter((node) => parentOf(node) === idOf(call))
      expect(new Set(valuesOf(roots, 'bullmq.job.name'))).toEqual(new Set(['alone', 'parent']))
    })

    test('bullmq-10: iterations of a scheduler are traces of their own that link the upsert, and in no other trace', async () => {
      const { scratch, telemetry, ours } = suite
      const queue = scratch.queue(ours())
      await inSpan('deploy', () =>
        queue.upsertJobScheduler('tick', { every: 150, limit: 4 }, { name: 'tick' }),
      )
      await queue.add('other', {})
      await scratch.worker(nothing, ours())
      await suite.processed(5)
      const upsert = suite
        .spans('add')
        .find(({ attributes }) => attributes['bullmq.job.scheduler.id'] === 'tick')
      expect(suite.spans('add'), 'the upsert and the other job').toHaveLength(2)
      const ticks = suite
        .spans('process')
        .filter(({ attributes }) => attributes['bullmq.job.name'] === 'tick')
      expect(ticks).toHaveLength(4)
      for (const tick of ticks) {
        expect(parentOf(tick)).toBeUndefined()
        expect(tick.attributes['waybill.root.reason']).toBe('scheduled')
        expect(linksOf(tick)).toEqual([idOf(upsert)])
        const due = Number(String(tick.attributes['messaging.message.id']).split(':').at(-1))
        const wait = tick.attributes['waybill.transit.time'] as number
        expect(ms(tick.startTime) - wait * 1000).toBeCloseTo(due, -1)
      }
      expect(new Set(ticks.map(traceOf)).size).toBe(4)
      const [other] = suite.spans('add').filter((add) => add !== upsert)
      const inOthers = telemetry.recorder.spans.filter((span) => traceOf(span) === traceOf(other))
      expect(inOthers).toHaveLength(3)
      const journeys = await telemetry.series('waybill.journey.duration')
      expect(journeys[0]?.value).toSatisfy(({ max }: { max: number }) => max < 0.5)
    })

    test('bullmq-17: a worker made inside a span: each job of an untraced producer is its own root, without its baggage', async () => {
      const { scratch, telemetry, ours } = suite
      const bare = scratch.queue()
      const baggage = propagation.createBaggage({ tenant: { value: 'BOOT' } })
      const seen: unknown[] = []
      await context.with(propagation.setBaggage(ROOT_CONTEXT, baggage), () =>
        inSpan('startup', () =>
          scratch.worker(async () => void seen.push(propagation.getActiveBaggage()), ours()),
        ),
      )
      await bare.addBulk([
        { name: 'a', data: {} },
        { name: 'b', data: {} },
      ])
      const processes = await suite.processed(2)
      expect(processes.map(parentOf)).toEqual([undefined, undefined])
      expect(valuesOf(processes, 'waybill.root.reason')).toEqual(['no_carrier', 'no_carrier'])
      expect(new Set(processes.map(traceOf)).size).toBe(2)
      expect(seen).toEqual([undefined, undefined])
      expect(telemetry.recorder.spans).toHaveLength(3)
    })

    test('bullmq-21: addBulk is one span with its count; each of its jobs has its wait', async () => {
      const { scratch, telemetry, ours } = suite
      await scratch.queue(ours()).addBulk([1, 2, 3].map((i) => ({ name: `job-${i}`, data: {} })))
      await scratch.worker(nothing, ours())
      const processes = await suite.processed(3)
      const [bulk, ...others] = suite.spans('addBulk')
      expect(others).toEqual([])
      expect(bulk?.kind).toBe(SpanKind.PRODUCER)
      expect(bulk?.attributes['messaging.batch.message_count']).toBe(3)
      expect(JSON.stringify(bulk?.attributes)).not.toContain('job-1')
      expect(processes.map(parentOf)).toEqual(Array(3).fill(idOf(bulk)))
      expect(suite.spans('transit')).toHaveLength(3)
      expect(await suite.points()).toBe(3)
      const [sent] = await telemetry.series('messaging.client.sent.messages')
      expect(sent?.value).toBe(3)
    })

    test('bullmq-26: a job fetched by hand and what its handler adds are one trace, whichever way it is settled', async () => {
      const { scratch, ours } = suite
      const telemetry = ours()
      const queue = scratch.queue(telemetry)
      await queue.add('good', {})
      await queue.add('bad', {})
      const worker = await scratch.worker(null, telemetry)
      for (const name of ['good', 'bad']) {
        const job = await worker.getNextJob(name)
        await runJob(worker, job!, async () => {
          await inSpan('work', () => pause(5))
          if (job?.name === 'good') await job.moveToCompleted('done', name, false)
          else await job?.moveToFailed(new RangeError('no'), name, false)
        })
      }
      const [good, bad] = await suite.processed(2)
      const adds = suite.spans('add')
      expect([good, bad].map(parentOf)).toEqual(adds.map(idOf))
      expect(suite.spans('work').map(parentOf)).toEqual([idOf(good), idOf(bad)])
      expect(valuesOf([good!, bad!], 'waybill.delivery.outcome')).toEqual(['ack', 'reject'])
      expect(bad?.status.message).toBe('no')
      expect(valuesOf([good!, bad!], 'waybill.transit.time')).toEqual([
        expect.any(Number),
        expect.any(Number),
      ])
      await expect(async () => runJob(worker, null as never, () => undefined)).rejects.toThrow(
        /runJob\(\) expected a BullMQ Job, got null/,
      )
    })

    test('bullmq-29: a losing add has the id of the winner and its deduplication id, and no transit of its own', async () => {
      const { scratch, ours } = suite
      const queue = scratch.queue(ours())
      const deduplication = { id: 'customer-42', ttl: 5000 }
      const won = await queue.add('job', { n: 1 }, { deduplication })
      const lost = await queue.add('job', { n: 2 }, { deduplication })
      expect(lost.id).toBe(won.id)
      await scratch.worker(nothing, ours())
      const [process] = await suite.processed(1)
      const adds = suite.spans('add')
      expect(parentOf(process)).toBe(idOf(adds[0]))
      expect(valuesOf(adds, 'bullmq.job.deduplication.id')).toEqual(['customer-42', 'customer-42'])
      expect(valuesOf(adds, 'messaging.message.id')).toEqual([won.id, won.id])
      expect(suite.spans('transit').map(parentOf)).toEqual([idOf(adds[0])])
    })
  })

  onBackends(['ioredis'], (suite) => {
    test.each([
      ['addBulk', 21],
      ['flow', 20],
    ])(
      'bullmq-20: jobs of a call above maxFanOut (%s) are traces of their own that link it, with their wait in the metric',
      async (how, _n) => {
        const { scratch, telemetry, ours } = suite
        const queueName = scratch.name
        const own = ours({ maxFanOut: 3 })
        const jobs = [1, 2, 3, 4].map((i) => ({ name: `job-${i}`, data: {} }))
        if (how === 'addBulk') await scratch.queue(own).addBulk(jobs)
        else await scratch.flows(own).addBulk(jobs.map(({ name }) => ({ name, queueName })))
        await scratch.worker(nothing, own)
        const processes = await suite.processed(4)
        const creators = how === 'addBulk' ? suite.spans('addBulk') : suite.spans('addNode')
        expect(processes.map(parentOf)).toEqual(Array(4).fill(undefined))
        expect(new Set(processes.flatMap(linksOf))).toEqual(new Set(creators.map(idOf)))
        expect(new Set(processes.map(traceOf)).size).toBe(4)
        expect(suite.spans('transit')).toEqual([])
        expect(await suite.points()).toBe(4)
        telemetry.recorder.reset()

        await scratch.queue(own).addBulk(jobs.slice(1))
        const few = await suite.processed(3)
        expect(new Set(few.map(parentOf))).toEqual(new Set([idOf(suite.spans('addBulk')[0])]))
      },
    )

    test('bullmq-20: an explicit relation goes before the fan-out, by queue and by job', async () => {
      const { scratch, ours } = suite
      const asked: unknown[] = []
      const own = ours({
        maxFanOut: 1,
        relation: ({ destination, messageName }) => {
          asked.push([destination, messageName])
          return messageName === 'linked' ? 'link' : 'parent'
        },
      })
      await scratch.queue(own).addBulk([
        { name: 'linked', data: {} },
        { name: 'child', data: {} },
      ])
      await scratch.worker(nothing, own)
      const processes = await suite.processed(2)
      const bulk = idOf(suite.spans('addBulk')[0])
      const relations = processes.map((span) => [
        span.attributes['bullmq.job.name'],
        parentOf(span),
        linksOf(span),
      ])
      expect(new Set(relations)).toEqual(
        new Set([
          ['child', bulk, [bulk]],
          ['linked', undefined, [bulk]],
        ]),
      )
      expect(new Set(asked)).toEqual(
        new Set([
          [scratch.name, 'child'],
          [scratch.name, 'linked'],
        ]),
      )
      expect(suite.spans('transit')).toHaveLength(2)
    })

    test('bullmq-17: the loop of a worker made inside a span leaves no span at all in that trace', async () => {
      const { scratch, telemetry, ours } = suite
      const worker = await inSpan('startup', () => scratch.worker(nothing, ours(), { stalledInterval: 30 }))
      await pause(150)
      await worker.close()
      expect(telemetry.recorder.spans.map(({ name }) => name)).toEqual(['startup'])
    })
  })
})
