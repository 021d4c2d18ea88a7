export interface Interval {
  readonly start: number
  readonly end: number
}

/** The length of the time covered by at least one of the intervals: where they overlap, it counts once. */
export function coveredLength(intervals: readonly Interval[]): number {
  let covered = 0
  let reached = Number.NEGATIVE_INFINITY
  for (const { start, end } of intervals.toSorted((a, b) => a.start - b.start)) {
    covered += Math.max(0, end - Math.max(start, reached))
    reached = Math.max(reached, end)
  }
  return covered
}

/** The parts of the intervals that lie within `frame`. */
export function clip(intervals: readonly Interval[], frame: Interval): Interval[] {
  return intervals
    .map(({ start, end }) => ({ start: Math.max(start, frame.start), end: Math.min(end, frame.end) }))
    .filter(({ start, end }) => end > start)
}
