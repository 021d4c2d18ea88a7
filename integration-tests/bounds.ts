import { expect } from 'vitest'

/** What two clocks that count whole milliseconds leave open, in seconds. */
const ROUNDING = 0.002

/**
 * Makes a call that stamps its message before it returns a promise, and waits for that. Settles with the times between
 * which the stamp was made, epoch seconds.
 */
export async function timed(
  call: () => Promise<unknown>,
): Promise<readonly [called: number, stamped: number]> {
  const called = Date.now() / 1000
  const sending = call()
  const stamped = Date.now() / 1000
  await sending
  return [called, stamped]
}

/**
 * Asserts a duration by bounds that the test has measured itself, from times before and after what begins and ends it,
 * all in seconds. A machine that stands still for a moment moves the bounds too, where a fixed tolerance would fail.
 */
export function expectBetween(value: number, least: number, most: number): void {
  expect(value).toBeGreaterThanOrEqual(least - ROUNDING)
  expect(value).toBeLessThanOrEqual(most + ROUNDING)
}
