import type { ContextProbe, ContextVerdict } from '@waybill/core/testing'

/** Empty where there is none: then the cases that need it are left out. */
export let redisUrl = ''

/** Names the server of the cases that need one. By a call, since they run outside of vitest as well. */
export function useRedis(url: string): void {
  redisUrl = url
}

/** One way of handing work on, what becomes of context there, and what mends it. */
export interface Case {
  readonly name: string
  readonly verdict: ContextVerdict['verdict']
  /** Default false. */
  readonly needsRedis?: boolean
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
