import type { EntriesInHand } from './entries-in-hand.ts'
import { isGroupMissing } from './groups.ts'
import { readClaimed, readPending, type Pending } from './replies.ts'
import type { Membership, Stream } from './streams.ts'

export interface ClaimOptions {
  readonly minIdleMs: number
  readonly count: number
}

/**
 * Takes over what has lain pending for long, and forgets what was deleted meanwhile. Where reads claim by themselves (Redis
 * 8.4) it is needed all the same: they leave deleted entries pending for ever.
 */
export async function claimIdle<V>(
  membership: Membership<V>,
  options: ClaimOptions,
  inHand: EntriesInHand,
): Promise<void> {
  for (const stream of membership.streams) {
    // Whoever takes more than it can handle soon keeps others from it.
    if (inHand.waiting >= options.count) return
    try {
      await claimOf(membership, stream, options, inHand)
    } catch (error) {
      // The reader creates it again.
      if (!isGroupMissing(error)) membership.events.emit('error', { during: 'claim', error })
    }
  }
}

async function claimOf<V>(
  membership: Membership<V>,
  stream: Stream,
  { minIdleMs, count }: ClaimOptions,
  inHand: EntriesInHand,
): Promise<void> {
  const { port, group, consumer, events } = membership
  // Asked before, since claiming resets the idle time, and tells no count.
  const pending = readPending(
    await port.send('XPENDING', stream.key, group, 'IDLE', String(minIdleMs), '-', '+', String(count)),
  )
  // What we have in hand is not abandoned, even where the heartbeat is off.
  const first = pending.find(({ id }) => !stream.inHand.has(id))
  if (first === undefined) return
  const reply = await port.send(
    'XAUTOCLAIM',
    stream.key,
    group,
    consumer,
    String(minIdleMs),
    first.id,
    'COUNT',
    String(count),
  )
  const { entries, deleted } = readClaimed(reply)
  if (deleted.length > 0) events.emit('deleted', { stream: stream.name, ids: deleted })
  const fresh = entries.filter(({ id }) => !stream.inHand.has(id))
  if (fresh.length === 0) return
  const before = new Map(pending.map((row) => [row.id, row]))
  for (const { id } of fresh) {
    // Become idle since we asked: then it is counted with this delivery already.
    if (!before.has(id)) before.set(id, await countedOf(membership, stream, id))
  }
  events.emit('claimed', { stream: stream.name, ids: fresh.map(({ id }) => id) })
  inHand.accept(
    stream,
    fresh.map((entry) => ({ ...entry, idleMs: before.get(entry.id)?.idleMs ?? minIdleMs })),
    new Map([...before].map(([id, { deliveries }]) => [id, deliveries + 1])),
  )
}

async function countedOf<V>({ port, group }: Membership<V>, stream: Stream, id: string): Promise<Pending> {
  const [row] = readPending(await port.send('XPENDING', stream.key, group, id, id, '1'))
  return { id, idleMs: 0, deliveries: (row?.deliveries ?? 1) - 1 }
}
