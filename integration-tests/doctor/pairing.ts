// Ways of pairing deliveries with sends, against what is known: how right is each?
import { setTimeout as sleep } from 'node:timers/promises'
import { SpanKind, type Attributes, type Tracer } from '@opentelemetry/api'
import { Queue, Worker, type JobsOptions } from 'bullmq'
import type { RawSpan } from '../../packages/doctor/src/input/raw-span.ts'
import { rawSpanOf, type SdkSpan } from '../../packages/doctor/src/input/sdk-span.ts'
import { findHops } from '../../packages/doctor/src/model/hops.ts'
import { collectSpans } from '../../packages/doctor/src/model/spans.ts'

export const JOBS = 300
const PRODUCERS = 4

export interface Load {
  readonly name: string
  readonly concurrency: number
  /** Jobs are added one by one, so far apart; else all at once, before the worker starts. */
  readonly everyMs?: number
  readonly options?: (n: number) => JobsOptions
}

/** Spread out and the same in every run. */
const scattered = (n: number, most: number): number => (n * 7919) % most

export const loads: readonly Load[] = [
  { name: 'concurrency 1, idle (20 ms apart)', concurrency: 1, everyMs: 20 },
  { name: 'concurrency 1, backlog', concurrency: 1 },
  { name: 'concurrency 8', concurrency: 8 },
  {
    name: 'concurrency 8 + priorities',
    concurrency: 8,
    options: (n) => ({ priority: 1 + scattered(n, 10) }),
  },
  { name: 'concurrency 8 + delayed jobs', concurrency: 8, options: (n) => ({ delay: scattered(n, 1_000) }) },
]

/** Runs 300 jobs whose context is lost; the number of each is on both of its spans. */
export async function runLoad(load: Load, tracer: Tracer, url: string, queueName: string): Promise<void> {
  const connection = { url }
  // As several instances of a service would: what begins first does not always arrive first.
  const queues = Array.from({ length: PRODUCERS }, () => new Queue(queueName, { connection }))
  const span = async <T>(
    name: string,
    kind: SpanKind,
    attributes: Attributes,
    work: () => Promise<T>,
  ): Promise<T> => {
    const started = tracer.startSpan(name, {
      kind,
      root: true,
      attributes: { 'bullmq.queue.name': 'jobs', ...attributes },
    })
    try {
      return await work()
    } finally {
      started.end()
    }
  }
  const add = (n: number): Promise<unknown> =>
    span('add jobs', SpanKind.PRODUCER, { n, 'bullmq.job.id': `j${n}` }, () =>
      queues[n % PRODUCERS]!.add('work', { n }, { jobId: `j${n}`, ...load.options?.(n) }),
    )
  let handled = 0
  const done = Promise.withResolvers<void>()
  const worker = new Worker(
    queueName,
    (job) =>
      span(
        'process jobs',
        SpanKind.CONSUMER,
        { n: (job.data as { n: number }).n, 'bullmq.job.id': job.id ?? '' },
        async () => {
          // Work takes time, and not always the same.
          await sleep(1 + scattered(handled, 4))
          if (++handled === JOBS) done.resolve()
        },
      ),
    { connection, concurrency: load.concurrency, autorun: false },
  )
  await worker.waitUntilReady()
  const numbers = Array.from({ length: JOBS }, (_, n) => n)
  if (load.everyMs === undefined) {
    for (let first = 0; first < JOBS; first += 10)
      await Promise.all(numbers.slice(first, first + 10).map(add))
  }
  void worker.run()
  if (load.everyMs !== undefined) {
    for (const n of numbers) await Promise.all([add(n), sleep(load.everyMs)])
  }
  await done.promise
  await worker.close()
  await queues[0]?.obliterate({ force: true })
  await Promise.all(queues.map((queue) => queue.close()))
}

/** Number of the send that each delivery is paired with, by number of the delivery. */
export type Pairs = ReadonlyMap<number, number>

export function numberOf(span: RawSpan): number {
  return Number(span.attributes['n'])
}

/** As the doctor pairs: by identity. */
export function byIdentity(spans: readonly RawSpan[]): Pairs {
  const numbers = new Map(spans.map((span) => [span.spanId, numberOf(span)]))
  const collector = collectSpans()
  for (const span of spans) collector.add(span)
  const { deliveries } = findHops(collector.model())
  return new Map(
    deliveries.map(({ producer, consumer }) => [
      numbers.get(consumer.span.spanId) ?? -1,
      numbers.get(producer.span.spanId) ?? -2,
    ]),
  )
}

const byStart = (spans: readonly RawSpan[], kind: RawSpan['kind']): RawSpan[] =>
  spans.filter((span) => span.kind === kind).sort((a, b) => a.start - b.start)

/** First in, first out: the n-th delivery is of the n-th send. `known` pairs are taken out before. */
export function byRank(spans: readonly RawSpan[], known: (n: number) => boolean = () => false): Pairs {
  const sends = byStart(spans, 'PRODUCER').filter((span) => !known(numberOf(span)))
  const deliveries = byStart(spans, 'CONSUMER').filter((span) => !known(numberOf(span)))
  return new Map(deliveries.map((delivery, i) => [numberOf(delivery), numberOf(sends[i] ?? delivery)]))
}

/** The last send that began before the delivery. */
export function byNearest(spans: readonly RawSpan[]): Pairs {
  const sends = byStart(spans, 'PRODUCER')
  return new Map(
    byStart(spans, 'CONSUMER').map((delivery) => {
      const nearest = sends.findLast((send) => send.start <= delivery.start)
      return [numberOf(delivery), nearest === undefined ? -1 : numberOf(nearest)]
    }),
  )
}

/** Part of the pairs that are right. */
export function accuracy(pairs: Pairs): number {
  return [...pairs].filter(([delivery, send]) => delivery === send).length / pairs.size
}

export function rawSpans(spans: readonly object[]): RawSpan[] {
  return spans.map((span) => rawSpanOf(span as SdkSpan))
}
