/** How far an id may lie ahead of this clock, or before the producer's stamp, and still pass for a clock reading. */
const TOLERANCE_MS = 5000
const EARLIEST_CLOCK_MS = 1e12

/**
 * The server's clock in an entry id, epoch ms. `undefined` for ids that are no clock reading: set by hand (`5-1`), pushed
 * into the future by an earlier id, or older than the call that made the entry.
 *
 * @param sent the producer's stamp, where there is one
 */
export function clockOf(id: string, now: number, sent: number | undefined): number | undefined {
  const match = /^(\d{1,15})-\d+$/.exec(id)
  if (match === null) return undefined
  const time = Number(match[1])
  if (time < EARLIEST_CLOCK_MS || time > now + TOLERANCE_MS) return undefined
  return sent !== undefined && time < sent - TOLERANCE_MS ? undefined : time
}
