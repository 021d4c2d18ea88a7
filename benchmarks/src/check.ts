import type { Job } from './job.ts'
import type { Shape } from './shape.ts'

/**
 * Whether a sample measured what it says: every span and point that was to arrive has, and none where none was to be. A
 * dropped span, a client that was not patched or a broken trace shows here.
 *
 * @returns what is wrong, nothing if all is well
 */
export function faultsOf(job: Job, messagesPerSpan: number, { spans, otherSpans, points }: Shape): string[] {
  const { variant, mode } = job
  const messages = job.warmUp + job.messages
  const faults: string[] = []
  const expect = (what: string, found: number, expected: number): void => {
    if (found !== expected) faults.push(`${found} ${what} where ${expected} were expected`)
  }
  const traced = mode === 'traced' && variant !== 'bare'
  expect('producer spans', spans.producer?.count ?? 0, traced ? messages / messagesPerSpan : 0)
  expect('consumer spans', spans.process?.count ?? 0, traced ? messages : 0)
  expect(
    'consumer spans in the trace of their producer',
    spans.process?.continued ?? 0,
    traced ? messages : 0,
  )
  if (variant !== 'peer') expect('transit spans', spans.transit?.count ?? 0, traced ? messages : 0)
  if (variant !== 'peer' || !traced) expect('other spans', otherSpans, 0)

  if (variant === 'ours' || variant === 'floor' || variant === 'by hand') {
    for (const instrument of ['messaging.process.duration', 'waybill.transit.duration']) {
      const count = points
        .filter((point) => point.instrument === instrument)
        .reduce((sum, point) => sum + point.count, 0)
      expect(`points of ${instrument}`, count, mode === 'no SDK' ? 0 : messages)
    }
  }
  return faults
}
