import { setImmediate as immediately } from 'node:timers/promises'
import { bindContext } from '@waybill/core'
import { asEach, settled, type Case } from './case.ts'

/** A generator whose caller may stand in another context than its maker. */
async function* marking(mark: (owner: string) => void, owner: string): AsyncGenerator<number> {
  mark(owner)
  yield 1
}

/** What the language and Node.js' own timers do. */
export const languageCases: readonly Case[] = [
  {
    name: 'setTimeout',
    verdict: 'right',
    scenario: (probe) =>
      asEach(probe, (owner) => new Promise<void>((done) => setTimeout(() => done(probe.mark(owner)), 1))),
  },
  {
    name: 'setImmediate',
    verdict: 'right',
    scenario: (probe) =>
      asEach(probe, (owner) => new Promise<void>((done) => setImmediate(() => done(probe.mark(owner))))),
  },
  {
    name: 'process.nextTick',
    verdict: 'right',
    scenario: (probe) =>
      asEach(probe, (owner) => new Promise<void>((done) => process.nextTick(() => done(probe.mark(owner))))),
  },
  {
    name: 'queueMicrotask',
    verdict: 'right',
    scenario: (probe) =>
      asEach(probe, (owner) => new Promise<void>((done) => queueMicrotask(() => done(probe.mark(owner))))),
  },
  {
    name: 'await',
    verdict: 'right',
    scenario: (probe) =>
      asEach(probe, async (owner) => {
        await immediately()
        probe.mark(owner)
      }),
  },
  {
    name: 'then',
    verdict: 'right',
    scenario: (probe) => asEach(probe, (owner) => immediately().then(() => probe.mark(owner))),
  },
  {
    name: 'a deferred that another context resolves',
    verdict: 'right',
    async scenario(probe) {
      const { promise, resolve } = settled()
      const waiting = probe.as('A', async () => {
        await promise
        probe.mark('A')
      })
      probe.as('B', resolve)
      await waiting
    },
  },
  {
    name: 'a lazy thenable',
    verdict: 'right',
    scenario: (probe) =>
      asEach(probe, async (owner) => {
        // oxlint-disable-next-line unicorn/no-thenable -- that is what is looked at
        await { then: (done: (value: unknown) => void) => done(probe.mark(owner)) }
      }),
  },
  {
    name: 'the body of an async generator',
    // Documented: it runs in the context of whoever asks for the next value.
    verdict: 'wrong',
    async scenario({ as, mark }) {
      const made = as('A', () => marking(mark, 'A'))
      await as('B', () => made.next())
    },
    mended: {
      by: 'bindContext where it is made',
      async scenario({ as, mark }) {
        const made = as('A', () => marking(bindContext(mark), 'A'))
        await as('B', () => made.next())
      },
    },
  },
]
