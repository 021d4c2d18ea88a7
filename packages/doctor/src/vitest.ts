// A matcher for vitest and jest: `expect.extend(matchers)`.
import { failureOf } from './connected.ts'
import type { SdkSpan } from './input/sdk-span.ts'
import type { Settings } from './settings.ts'

interface MatcherResult {
  readonly pass: boolean
  readonly message: () => string
}

/** `expect(spans).toBeConnected()`: see `assertConnected`. */
export const matchers: {
  toBeConnected(spans: Iterable<SdkSpan>, settings?: Partial<Settings>): MatcherResult
} = {
  toBeConnected(spans, settings = {}) {
    const failure = failureOf(spans, settings)
    return {
      pass: failure === undefined,
      message: () =>
        failure ?? 'expected spans in which a delivery does not hang where it belongs, but all do',
    }
  },
}
