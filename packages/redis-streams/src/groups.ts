import { warnOnce } from '@waybill/core/adapter'
import type { Reader } from './commands.ts'
import { readProperty } from './replies.ts'
import type { Membership, Stream } from './streams.ts'
import { textOf } from './text.ts'

/** Creates the group, and the stream with it; one that is there already is fine. */
export async function createGroup(
  reader: Reader,
  stream: Stream,
  group: string,
  from: string,
): Promise<void> {
  try {
    await reader.send(stream.key, ['XGROUP', 'CREATE', stream.key, group, from, 'MKSTREAM'])
  } catch (error) {
    if (!String(error).includes('BUSYGROUP')) throw error
  }
}

/** The stream or its group has gone, perhaps while a read was blocked. */
export function isGroupMissing(error: unknown): boolean {
  return /NOGROUP|UNBLOCKED/.test(String(error))
}

/**
 * Creates the groups of these streams again, and goes on where this consumer was. A stream that has begun anew, with ids
 * below, is read from its beginning.
 */
export async function healGroups<V>(
  { group, events, telemetry }: Membership<V>,
  reader: Reader,
  streams: readonly Stream[],
  from: string,
): Promise<void> {
  for (const stream of streams) {
    const start = stream.lastId === undefined ? from : await resumeAt(reader, stream.key, stream.lastId)
    await createGroup(reader, stream, group, start)
    warnOnce(
      telemetry.log,
      `group ${group} of ${stream.key} had gone`,
      `Group ${group} of stream ${stream.key} had gone; it was created again from ${start}.`,
    )
    events.emit('healed', { stream: stream.name, from: start })
  }
}

async function resumeAt(reader: Reader, key: string, lastId: string): Promise<string> {
  try {
    const info = await reader.send(key, ['XINFO', 'STREAM', key])
    return isBefore(textOf(readProperty(info, 'last-generated-id')), lastId) ? '0' : lastId
  } catch {
    // No such stream: whatever comes into it is new.
    return '0'
  }
}

function isBefore(id: string, other: string): boolean {
  const [ms = 0, sequence = 0] = id.split('-').map(Number)
  const [otherMs = 0, otherSequence = 0] = other.split('-').map(Number)
  return ms < otherMs || (ms === otherMs && sequence < otherSequence)
}
