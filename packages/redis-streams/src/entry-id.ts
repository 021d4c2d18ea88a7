/** How far an id may lie ahead of this clock, or before the producer's stamp, and still pass for a clock reading. */
export const CLOCK_TOLERANCE_MS = 5000
const EARLIEST_CLOCK_MS = 1e12

/** The server's clock in an entry id, epoch ms. `undefined` for ids that cannot be one, such as one set by hand (`5-1`). */
export function timeOf(id: string): number | undefined {
  const match = /^(\d{1,15})-\d+$/.exec(id)
  const time = Number(match?.[1])
  return time >= EARLIEST_CLOCK_MS ? time : undefined
}
