import { monitorEventLoopDelay } from 'node:perf_hooks'
import { bullmqTelemetry, observeQueue } from '@waybill/bullmq'
import type { RecordedSpan } from '@waybill/core/testing'
import { afterAll, beforeAll, describe, expect, inject, test, vi } from 'vitest'
import { histogram, installSdk, type TestTelemetry } from '../telemetry.ts'
import { ioredisBackend, nodeRedisBackend, postgresBackend, type Backend } from './backends.ts'
import { trueStarts, type TrueStart } from './oracle.ts'
import { bullmqScratch, type BullmqScratch } from './scratch.ts'
import { transitCases, type Expected, type Scene, type TransitCase } from './transit-cases.ts'

const broker = inject('brokers').redis
const url = 'url' in broker ? broker.url : ''
/** Between what our clock and the server's say of one moment; what this process was late by itself is added to it. */
const TOLERANCE_MS = 5
const UNTIMED_ADD_MS = 25
const ms = ([seconds, nanos]: readonly [number, number]): number => seconds * 1000 + nanos / 1e6

interface Row {
  readonly title: string
  readonly start: number
  readonly ours: string
  readonly oracle: string
  readonly off: string
}

const backends: Record<Backend['name'], () => Backend | Promise<Backend>> = {
  ioredis: () => ioredisBackend(url),
  'node-redis': () => nodeRedisBackend(url),
  postgres: postgresBackend,
}

describe.skipIf('missing' in broker).each(Object.keys(backends) as Backend['name'][])('%s', (name) => {
  let telemetry: TestTelemetry
  let backend: Backend
  const rows: Row[] = []
  beforeAll(async () => {
    telemetry = installSdk()
    backend = await backends[name]()
  })
  afterAll(async () => {
    await backend?.close()
    expect(telemetry.recorder.open).toEqual([])
    await telemetry.uninstall()
    print(name, rows)
  })

  test.concurrent.each(
    transitCases.map(
      (one) =>
        [
          `${[...one.shows, ...(name === 'postgres' ? [] : ['bullmq-30'])].join(', ')}: ${name}, ${one.title}`,
          one,
        ] as const,
    ),
  )('%s', async (_title, one) => {
    const scratch = bullmqScratch(backend)
    const lateness = monitorEventLoopDelay({ resolution: 1 })
    lateness.enable()
    try {
      if (name !== 'postgres') observeQueue(await scratch.queueEvents())
      await one.run(sceneOn(scratch, telemetry))
      const starts = trueStarts(await backend.events(scratch.name))
      const processes = processesOf(telemetry, scratch)
      const expected = (name === 'postgres' ? one.expectedOnPostgres : undefined) ?? one.expected
      expect(processes.map(({ attributes }) => verdict(attributes))).toEqual(
        expected.map((each) => (each === 'limit' ? 'known' : each)),
      )
      if (name !== 'postgres') await compareObserver(telemetry, scratch, starts)
      processes.forEach((process, i) => {
        const ofAdd = addDuration(telemetry, scratch, process)
        const truth = truthOf(process, processes, starts)
        // PostgreSQL records no change of a delay, so there the record is as far off as we are, but for rounding.
        const sees = name !== 'postgres' || one.expectedOnPostgres !== undefined
        rows.push(
          compare({ ...one, expected }, i, process, truth, { late: ofAdd + lateness.max / 1e6, sees }),
        )
      })
    } finally {
      lateness.disable()
      await scratch.close()
    }
  })
})

function sceneOn(scratch: BullmqScratch, telemetry: TestTelemetry): Scene {
  const own = bullmqTelemetry({ transitSpan: { minMs: 0 } })
  return {
    scratch,
    telemetry: own,
    async queueOf(as) {
      const queue = scratch.queue(as)
      await queue.waitUntilReady()
      await queue.getJobCounts()
      return queue
    },
    async flowsOf(as) {
      const flows = scratch.flows(as)
      await flows.waitUntilReady()
      return flows
    },
    worker: (processor = async () => undefined, options, as = own) => scratch.worker(processor, as, options),
    ended: (count) =>
      vi.waitFor(() => expect(processesOf(telemetry, scratch).length).toBeGreaterThanOrEqual(count), {
        timeout: 7000,
        interval: 5,
      }),
    other: (options) => bullmqTelemetry(options),
  }
}

/** bullmq-30: what observeQueue took from the events as they came is what the record says of every start. */
async function compareObserver(
  telemetry: TestTelemetry,
  { name }: BullmqScratch,
  starts: readonly TrueStart[],
): Promise<void> {
  const waits = starts.flatMap(({ active, ready }) => (ready === undefined ? [] : [(active - ready) / 1000]))
  const truth = waits.reduce((a, b) => a + b, 0)
  await vi.waitFor(
    async () => {
      const series = await telemetry.series('waybill.queue.wait')
      const points = series
        .filter(({ attributes }) => attributes['messaging.destination.name'] === name)
        .map(histogram)
      expect(
        points.reduce((sum, { count }) => sum + count, 0),
        'starts that were observed',
      ).toBe(waits.length)
      expect(points.reduce((sum, point) => sum + point.sum, 0)).toBeCloseTo(truth, 6)
    },
    { timeout: 5000, interval: 20 },
  )
}

/** In the order in which they began. */
function processesOf({ recorder }: TestTelemetry, { name }: BullmqScratch): RecordedSpan[] {
  return recorder.spans
    .filter((span) => span.name === `process ${name}`)
    .toSorted((a, b) => ms(a.startTime) - ms(b.startTime))
}

/** A wait begins with the call of add; the server knows of the job some time before that call returns. */
function addDuration({ recorder }: TestTelemetry, { name }: BullmqScratch, process: RecordedSpan): number {
  const { spanId } = process.links[0]?.context ?? {}
  const isFirst = process.attributes['waybill.delivery.attempt'] === 1
  const add = recorder.spans.find((span) => span.spanContext().spanId === spanId)
  if (!isFirst) return 0
  // Nobody has timed the add of an untraced producer.
  if (add === undefined || !add.name.endsWith(name)) return UNTIMED_ADD_MS
  // A flow is stored when all of its nodes are known.
  const flow = recorder.spans.find((span) => span.name === `addFlow ${name}`) ?? add
  return ms(flow.endTime) - ms(add.startTime)
}

/** The last starts of a job are those that we saw; a worker that died may have had it before. */
function truthOf(
  process: RecordedSpan,
  processes: readonly RecordedSpan[],
  starts: readonly TrueStart[],
): TrueStart | undefined {
  const id = process.attributes['messaging.message.id']
  const seen = processes.filter(({ attributes }) => attributes['messaging.message.id'] === id)
  const recorded = starts.filter(({ jobId }) => jobId === id)
  return recorded[recorded.length - seen.length + seen.indexOf(process)]
}

function verdict(attributes: RecordedSpan['attributes']): Exclude<Expected, 'limit'> {
  if (attributes['waybill.transit.time'] !== undefined) return 'known'
  return attributes['waybill.transit.unknown'] as Exclude<Expected, 'limit'>
}

/** Two clocks of one machine are compared: ours gives the start of the wait, the server's the truth. */
function compare(
  { title, expected }: TransitCase,
  index: number,
  process: RecordedSpan,
  truth: TrueStart | undefined,
  /** `late`: ms that our own process was; `sees`: whether the record tells more than the job does. */
  { late, sees }: { readonly late: number; readonly sees: boolean },
): Row {
  const wait = process.attributes['waybill.transit.time'] as number | undefined
  const truly = truth?.ready === undefined ? undefined : truth.active - truth.ready
  const row = {
    title,
    start: index + 1,
    oracle: truly === undefined ? 'not recorded' : `${truly.toFixed(0)} ms`,
  }
  if (wait === undefined)
    return { ...row, ours: String(process.attributes['waybill.transit.unknown']), off: '' }
  const off = ms(process.startTime) - wait * 1000 - (truth?.ready ?? Number.NaN)
  const shown = { ...row, ours: `${(wait * 1000).toFixed(0)} ms`, off: `${off.toFixed(1)} ms` }
  if (truly === undefined) return { ...shown, off: '' }
  if (expected[index] === 'limit') {
    if (sees) expect(Math.abs(off), `${title}: a documented limit that is none`).toBeGreaterThan(TOLERANCE_MS)
    return { ...shown, off: `${shown.off} (limit)` }
  }
  const what = `${title}, start ${index + 1}: ${JSON.stringify(shown)}, late by ${late.toFixed(1)} ms`
  expect(off, what).toBeLessThanOrEqual(TOLERANCE_MS + late)
  expect(off, what).toBeGreaterThanOrEqual(-TOLERANCE_MS - late)
  return shown
}

function print(backend: string, rows: readonly Row[]): void {
  const columns = ['title', 'start', 'ours', 'oracle', 'off'] as const
  const head = {
    title: 'case',
    start: 'start',
    ours: 'ours',
    oracle: 'event stream',
    off: 'start of wait off by',
  }
  const sorted = rows.toSorted((a, b) => indexOf(a.title) - indexOf(b.title) || a.start - b.start)
  const widths = columns.map((column) =>
    Math.max(...[head, ...sorted].map((row) => String(row[column]).length)),
  )
  const lines = [head, ...sorted].map((row) =>
    columns.map((column, i) => String(row[column]).padEnd(widths[i] ?? 0)).join('  '),
  )
  console.log([`Transit on BullMQ, ${backend}: ours beside the event stream`, ...lines].join('\n'))
}

function indexOf(title: string): number {
  return transitCases.findIndex((one) => one.title === title)
}
