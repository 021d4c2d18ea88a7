import { expect } from 'vitest'

/** What two clocks that count whole milliseconds leave open, in seconds. */
const ROUNDING = 0.002

/**
 * Asserts a duration by bounds that the test has measured itself, from times before and after what begins and ends it,
 * all in seconds. A machine that stands still for a moment moves the bounds too, where a fixed tolerance would fail.
 */
export function expectBetween(value: number, least: number, most: number): void {
  expect(value).toBeGreaterThanOrEqual(least - ROUNDING)
  expect(value).toBeLessThanOrEqual(most + ROUNDING)
}
