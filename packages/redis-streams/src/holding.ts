import type { HeldEntry } from './entries-in-hand.ts'
import { isGroupMissing } from './groups.ts'
import type { Membership } from './streams.ts'

/**
 * Says to the server that entries are still ours: XCLAIM JUSTID resets their idle time and does not count as a delivery.
 * Those that were renewed less than `olderThanMs` ago are left out.
 */
export async function renewHold<V>(membership: Membership<V>, olderThanMs: number): Promise<void> {
  const { port, group, consumer, streams, events } = membership
  const now = performance.now()
  for (const stream of streams) {
    const held = [...stream.inHand.values()].filter(({ renewedAt }) => now - renewedAt >= olderThanMs)
    if (held.length === 0) continue
    try {
      await port.send('XCLAIM', stream.key, group, consumer, '0', ...held.map(({ id }) => id), 'JUSTID')
      for (const entry of held) entry.renewedAt = now
    } catch (error) {
      if (!isGroupMissing(error)) events.emit('error', { during: 'heartbeat', error })
    }
  }
}

/**
 * Gives entries back that no handler has seen: they look as idle as others wait for, and this delivery does not count, so
 * that whoever claims next begins where we left off.
 */
export async function giveBack<V>(
  { port, group, consumer, events }: Membership<V>,
  entries: readonly HeldEntry[],
  idleMs: number,
): Promise<void> {
  const alike = new Map<string, HeldEntry[]>()
  for (const entry of entries) {
    const { stream, attempt } = entry
    const key = `${attempt} ${stream.key}`
    alike.set(key, [...(alike.get(key) ?? []), entry])
  }
  for (const held of alike.values()) {
    const [{ stream, attempt }] = held as [HeldEntry]
    const words = ['IDLE', String(idleMs), 'RETRYCOUNT', String(attempt - 1), 'JUSTID']
    try {
      await port.send('XCLAIM', stream.key, group, consumer, '0', ...held.map(({ id }) => id), ...words)
    } catch (error) {
      events.emit('error', { during: 'release', error })
    }
  }
}
