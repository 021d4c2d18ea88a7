import type { Interval } from '../spans/intervals.ts'

const steps = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000, 20_000, 60_000, 300_000]

/** The time that all of the spans take up, in epoch milliseconds. */
export function frameOf(spans: readonly Interval[]): Interval {
  const start = Math.min(...spans.map((span) => span.start))
  const end = Math.max(...spans.map((span) => span.end))
  return { start, end: Math.max(end, start + 0.001) }
}

/** Round times from the start on, in milliseconds, at most `count` of them after 0. */
export function ticks({ start, end }: Interval, count: number): number[] {
  const length = end - start
  const step = steps.find((candidate) => length / candidate <= count) ?? length
  return Array.from({ length: Math.floor(length / step) + 1 }, (_, i) => i * step)
}

export function formatTick(ms: number): string {
  return ms === 0 ? '0' : ms >= 1000 ? `${ms / 1000} s` : `${ms} ms`
}
