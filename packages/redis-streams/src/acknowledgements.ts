import type { Membership, Stream } from './streams.ts'

/** More ids in one XACK would hold up the commands of others. */
const MOST_AT_ONCE = 1000
const RETRY_MS = 500

/** Acknowledges what has succeeded. */
export interface Acknowledgements {
  /** Settles when the server has taken it; resolves all the same if it did not: the entry then stays in hand, to be tried again. */
  add(stream: Stream, id: string): Promise<void>
  /** Settles when nothing waits, or at the second failure in a row. */
  flush(): Promise<void>
}

interface Waiting {
  readonly ids: string[]
  sending: Promise<boolean> | undefined
}

/**
 * One XACK at a time for each stream: what succeeds while it is under way goes with the next. So the batches become as large
 * as the traffic asks for, and nothing waits for a timer.
 */
export function createAcknowledgements<V>({ port, group, events }: Membership<V>): Acknowledgements {
  const byStream = new Map<Stream, Waiting>()

  async function send(stream: Stream, waiting: Waiting): Promise<boolean> {
    // Handlers that end in this turn of the event loop share a command.
    await new Promise(setImmediate)
    while (waiting.ids.length > 0) {
      const batch = waiting.ids.splice(0, MOST_AT_ONCE)
      try {
        await port.send('XACK', stream.key, group, ...batch)
        for (const id of batch) stream.inHand.delete(id)
      } catch (error) {
        waiting.ids.unshift(...batch)
        events.emit('error', { during: 'ack', error })
        waiting.sending = undefined
        return false
      }
    }
    // Before anything else runs: what succeeds from now on starts a command of its own.
    waiting.sending = undefined
    return true
  }

  function start(stream: Stream, waiting: Waiting): Promise<boolean> {
    waiting.sending ??= send(stream, waiting).then((done) => {
      if (!done) setTimeout(() => void start(stream, waiting), RETRY_MS).unref()
      return done
    })
    return waiting.sending
  }

  return {
    async add(stream, id) {
      const waiting = byStream.get(stream) ?? { ids: [], sending: undefined }
      byStream.set(stream, waiting)
      waiting.ids.push(id)
      await start(stream, waiting)
    },
    async flush() {
      for (const [stream, waiting] of byStream) {
        if (waiting.ids.length === 0 && waiting.sending === undefined) continue
        if (!(await start(stream, waiting))) await start(stream, waiting)
      }
    },
  }
}
