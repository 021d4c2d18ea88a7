import type { ContextProbe, ContextVerdict } from '@waybill/core/testing'

/** One way of handing work on, what becomes of context there, and what mends it. */
export interface Case {
  readonly name: string
  readonly verdict: ContextVerdict['verdict']
  readonly scenario: (probe: ContextProbe) => unknown
  readonly mended?: {
    readonly by: string
    readonly scenario: (probe: ContextProbe) => unknown
  }
}

/** A promise that a callback settles, for what no promise waits for. */
export function settled(): { readonly promise: Promise<unknown>; resolve(value?: unknown): void } {
  return Promise.withResolvers<unknown>()
}

/** `fn` for three callers at once, each in its own context. */
export function asEach<T>({ as }: ContextProbe, fn: (owner: string) => Promise<T> | T): Promise<T[]> {
  return Promise.all(['A', 'B', 'C'].map((owner) => as(owner, async () => fn(owner))))
}
