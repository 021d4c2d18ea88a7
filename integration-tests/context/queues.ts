import { batchContext, bindContext, pack, unpack, type Packed } from '@waybill/core'
import type { ContextProbe } from '@waybill/core/testing'
import { queue as asyncQueue } from 'async'
import Bottleneck from 'bottleneck'
import DataLoader from 'dataloader'
import fastq from 'fastq'
import genericPool from 'generic-pool'
import pLimit from 'p-limit'
import PQueue from 'p-queue'
import PQueue9 from 'p-queue-9'
import { concatMap, lastValueFrom, Subject, toArray } from 'rxjs'
import { setImmediate as immediately } from 'node:timers/promises'
import { asEach, settled, type Case } from './case.ts'

/** Queues, pools and batchers in one process: a task that has to wait is started by whoever ends the one before. */
export const queueCases: readonly Case[] = [
  {
    name: 'p-limit',
    verdict: 'right',
    scenario(probe) {
      const limit = pLimit(1)
      return asEach(probe, (owner) => limit(() => taskOf(probe, owner)))
    },
  },
  {
    name: 'generic-pool',
    verdict: 'right',
    async scenario(probe) {
      const pool = genericPool.createPool({ create: async () => ({}), destroy: async () => {} }, { max: 1 })
      await asEach(probe, async (owner) => {
        const resource = await pool.acquire()
        await taskOf(probe, owner)
        await pool.release(resource)
      })
      await pool.drain()
      await pool.clear()
    },
  },
  {
    name: 'p-queue 10',
    verdict: 'right',
    scenario(probe) {
      const queue = new PQueue({ concurrency: 1 })
      return asEach(probe, (owner) => queue.add(() => taskOf(probe, owner)))
    },
  },
  {
    name: 'p-queue 9',
    verdict: 'wrong',
    scenario(probe) {
      const queue = new PQueue9({ concurrency: 1 })
      return asEach(probe, (owner) => queue.add(() => taskOf(probe, owner)))
    },
    mended: {
      by: 'bindContext',
      scenario(probe) {
        const queue = new PQueue9({ concurrency: 1 })
        return asEach(probe, (owner) => queue.add(bindContext(() => taskOf(probe, owner))))
      },
    },
  },
  {
    name: 'bottleneck',
    verdict: 'wrong',
    scenario(probe) {
      const limiter = new Bottleneck({ maxConcurrent: 1 })
      return asEach(probe, (owner) => limiter.schedule(() => taskOf(probe, owner)))
    },
    mended: {
      by: 'bindContext',
      scenario(probe) {
        const limiter = new Bottleneck({ maxConcurrent: 1 })
        return asEach(probe, (owner) => limiter.schedule(bindContext(() => taskOf(probe, owner))))
      },
    },
  },
  {
    name: 'fastq',
    verdict: 'wrong',
    scenario(probe) {
      const queue = fastq.promise((owner: string) => taskOf(probe, owner), 1)
      return asEach(probe, (owner) => queue.push(owner))
    },
    mended: {
      by: 'pack and unpack',
      scenario(probe) {
        const worker = unpack((owner: string) => taskOf(probe, owner))
        const queue = fastq.promise(worker, 1)
        return asEach(probe, (owner) => queue.push(pack(owner)))
      },
    },
  },
  {
    name: 'concatMap of rxjs',
    verdict: 'wrong',
    async scenario(probe) {
      const subject = new Subject<string>()
      const all = lastValueFrom(
        subject.pipe(
          concatMap((owner) => taskOf(probe, owner)),
          toArray(),
        ),
      )
      await asEach(probe, (owner) => subject.next(owner))
      subject.complete()
      await all
    },
    mended: {
      by: 'pack and unpack',
      async scenario(probe) {
        const subject = new Subject<Packed<string>>()
        const worker = unpack((owner: string) => taskOf(probe, owner))
        const all = lastValueFrom(
          subject.pipe(
            concatMap((packed) => worker(packed)),
            toArray(),
          ),
        )
        await asEach(probe, (owner) => subject.next(pack(owner)))
        subject.complete()
        await all
      },
    },
  },
  {
    name: 'queue of async',
    verdict: 'wrong',
    async scenario(probe) {
      const queue = asyncQueue((owner: string, done: () => void) => {
        void taskOf(probe, owner).then(done)
      }, 1)
      await asEach(probe, (owner) => {
        void queue.push(owner)
      })
      await queue.drain()
    },
    mended: {
      by: 'pack and unpack',
      async scenario(probe) {
        const worker = unpack((owner: string) => taskOf(probe, owner))
        const queue = asyncQueue((packed: Packed<string>, done: () => void) => {
          void worker(packed).then(done)
        }, 1)
        await asEach(probe, (owner) => {
          void queue.push(pack(owner))
        })
        await queue.drain()
      },
    },
  },
  {
    name: 'a queue drained by hand with setImmediate',
    verdict: 'wrong',
    async scenario(probe) {
      const { push, drained } = handMadeQueue<string>(probe.mark)
      await asEach(probe, push)
      await drained
    },
    mended: {
      by: 'pack and unpack',
      async scenario(probe) {
        const { push, drained } = handMadeQueue(unpack(probe.mark))
        await asEach(probe, (owner) => push(pack(owner)))
        await drained
      },
    },
  },
  {
    name: 'the batch function of dataloader',
    verdict: 'wrong',
    scenario(probe) {
      const loader = new DataLoader(async (owners: readonly string[]) => {
        for (const owner of owners) probe.mark(owner)
        return owners
      })
      return asEach(probe, (owner) => loader.load(owner))
    },
  },
  {
    name: 'a batcher with a timer',
    verdict: 'wrong',
    scenario: (probe) => {
      const { add, flushed } = timedBatcher<string>((owners) => {
        for (const owner of owners) probe.mark(owner)
      })
      return Promise.all([asEach(probe, add), flushed])
    },
  },
  {
    name: 'a batcher with a size',
    verdict: 'wrong',
    scenario: (probe) => {
      const batch: string[] = []
      return asEach(probe, (owner) => {
        if (batch.push(owner) === 3) for (const each of batch) probe.mark(each)
      })
    },
  },
]

/** Batch functions again, with `batchContext`: work that belongs to several callers runs in none of their contexts. */
export const batchers: readonly {
  readonly name: string
  readonly run: (probe: ContextProbe) => unknown
}[] = [
  {
    name: 'the batch function of dataloader',
    run(probe) {
      const loader = new DataLoader((packed: readonly Packed<string>[]) =>
        batchContext(packed, async (owners) => {
          for (const owner of owners) probe.mark(owner)
          return owners
        }),
      )
      return asEach(probe, (owner) => loader.load(pack(owner)))
    },
  },
  {
    name: 'a batcher with a timer',
    run(probe) {
      const { add, flushed } = timedBatcher<Packed<string>>((packed) => {
        batchContext(packed, (owners) => {
          for (const owner of owners) probe.mark(owner)
        })
      })
      return Promise.all([asEach(probe, (owner) => add(pack(owner))), flushed])
    },
  },
  {
    name: 'a batcher with a size',
    run(probe) {
      const batch: Packed<string>[] = []
      return asEach(probe, (owner) => {
        if (batch.push(pack(owner)) < 3) return
        batchContext(batch, (owners) => {
          for (const each of owners) probe.mark(each)
        })
      })
    },
  },
]

/** Work that takes a turn of the event loop. */
async function taskOf({ mark }: ContextProbe, owner: string): Promise<void> {
  mark(owner)
  await immediately()
}

function handMadeQueue<T>(handle: (item: T) => void): { push: (item: T) => void; drained: Promise<unknown> } {
  const items: T[] = []
  const { promise, resolve } = settled()
  const drain = (): void => {
    const item = items.shift()
    if (item === undefined) return resolve()
    handle(item)
    setImmediate(drain)
  }
  return {
    push(item) {
      if (items.push(item) === 1) setImmediate(drain)
    },
    drained: promise,
  }
}

function timedBatcher<T>(flush: (items: T[]) => void): { add: (item: T) => void; flushed: Promise<unknown> } {
  const items: T[] = []
  const { promise, resolve } = settled()
  return {
    add(item) {
      if (items.push(item) === 1)
        setTimeout(() => {
          flush(items)
          resolve()
        }, 1)
    },
    flushed: promise,
  }
}
