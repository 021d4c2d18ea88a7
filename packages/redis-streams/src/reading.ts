import { setTimeout as delay } from 'node:timers/promises'
import type { Reader } from './commands.ts'
import type { EntriesInHand } from './entries-in-hand.ts'
import { createGroup, healGroups, isGroupMissing } from './groups.ts'
import { readStreams } from './replies.ts'
import type { Receive } from './receiving.ts'
import type { Membership, Stream } from './streams.ts'

export interface ReadOptions {
  readonly count: number
  readonly blockMs: number
  readonly from: string
  readonly bytes: boolean
  /** Idle time in ms from which the read takes pending entries as well; `undefined` to leave them. */
  readonly claimIdleMs: number | undefined
}

const FIRST_PAUSE_MS = 100
const LONGEST_PAUSE_MS = 5000

/**
 * Reads until it is stopped: whenever nothing waits for a handler, and never while something does. What fails is tried
 * again, with growing pauses.
 *
 * @param started called once the groups are there
 * @param ending stops it at the end of the read that is under way
 * @param givenUp closes the connection, whatever is under way
 */
export async function readStreamsOf<V>(
  membership: Membership<V>,
  streams: readonly Stream[],
  options: ReadOptions,
  inHand: EntriesInHand,
  received: Receive | undefined,
  started: () => void,
  ending: AbortSignal,
  givenUp: AbortSignal,
): Promise<void> {
  const { port, group, events, telemetry } = membership
  let reader: Reader | undefined
  let pause = FIRST_PAUSE_MS
  let created = false
  // Redis before 8.4 has no CLAIM; it is asked once, since INFO is often forbidden.
  let canClaim = options.claimIdleMs !== undefined

  async function read(from: Reader): Promise<void> {
    const since = performance.now()
    const reply = await from.send(
      streams[0]?.key ?? '',
      commandOf(membership, streams, options, canClaim),
      options.bytes,
    )
    for (const [key, entries] of readStreams(reply)) {
      const stream = streams.find((one) => one.key === key)
      if (stream === undefined || entries.length === 0) continue
      const claimed = entries.filter(({ idleMs, deliveriesBefore }) => idleMs > 0 || deliveriesBefore > 0)
      if (claimed.length > 0)
        events.emit('claimed', { stream: stream.name, ids: claimed.map(({ id }) => id) })
      const newest = entries.findLast(
        ({ idleMs, deliveriesBefore }) => idleMs === 0 && deliveriesBefore === 0,
      )
      stream.lastId = newest?.id ?? stream.lastId
      received?.(stream, entries, since)
      inHand.accept(stream, entries)
    }
  }

  function close(): void {
    reader?.close()
    reader = undefined
  }
  givenUp.addEventListener('abort', close)

  while (!ending.aborted) {
    try {
      reader ??= await port.openReader((error) => {
        events.emit('error', { during: 'connection', error })
      })
      if (!created) {
        for (const stream of streams) await createGroup(reader, stream, group, options.from)
        created = true
        started()
      }
      await inHand.room()
      if (ending.aborted) break
      await read(reader)
      pause = FIRST_PAUSE_MS
    } catch (error) {
      if (canClaim && /syntax error/i.test(String(error))) {
        telemetry.log.debug('XREADGROUP without CLAIM: XAUTOCLAIM does it')
        canClaim = false
      } else if (created && reader !== undefined && isGroupMissing(error)) {
        await healGroups(membership, reader, streams, options.from).catch((failure: unknown) => {
          events.emit('error', { during: 'read', error: failure })
        })
      } else if (!ending.aborted) {
        events.emit('error', { during: 'read', error })
        await delay(pause, undefined, { signal: ending }).catch(() => undefined)
        pause = Math.min(2 * pause, LONGEST_PAUSE_MS)
      }
    }
  }
  close()
}

function commandOf<V>(
  { group, consumer }: Membership<V>,
  streams: readonly Stream[],
  { count, blockMs, claimIdleMs }: ReadOptions,
  canClaim: boolean,
): string[] {
  const words = ['XREADGROUP', 'GROUP', group, consumer, 'COUNT', String(count), 'BLOCK', String(blockMs)]
  if (canClaim) words.push('CLAIM', String(claimIdleMs))
  return [...words, 'STREAMS', ...streams.map(({ key }) => key), ...streams.map(() => '>')]
}
