import type { Journey } from '../spans/journey.ts'
import type { ReceivedSpan } from '../spans/span.ts'
import type { Connectedness } from '../spans/statistics.ts'

/** What one run came to. */
export interface PageRun {
  readonly spans: readonly ReceivedSpan[]
  readonly connectedness: Connectedness
  readonly journey: Journey
}
