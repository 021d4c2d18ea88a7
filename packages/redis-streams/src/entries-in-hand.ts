import { context as contextApi, ROOT_CONTEXT } from '@opentelemetry/api'
import { beginProcess, type Processing } from '@waybill/core/adapter'
import type { Acknowledgements } from './acknowledgements.ts'
import type { ConsumedEntry } from './consumer-options.ts'
import type { DeadLetters } from './dead-letters.ts'
import { describeEntry } from './delivery.ts'
import type { RawEntry } from './replies.ts'
import type { Membership, Stream } from './streams.ts'
import { textOf } from './text.ts'

/** An entry that was delivered to us and is not settled. */
export interface HeldEntry {
  readonly stream: Stream
  readonly id: string
  readonly fields: readonly unknown[]
  readonly attempt: number
  readonly idleMs: number | undefined
  /** Epoch ms at which the read returned. */
  readonly readAt: number
  /** `performance.now()` at which the server last counted it as ours. */
  renewedAt: number
  running: boolean
}

/** What was delivered: what waits for a handler, and what is being handled. */
export interface EntriesInHand {
  /** Takes entries over. `attempts` says which delivery it is of those that were claimed. */
  accept(stream: Stream, entries: readonly RawEntry[], attempts?: ReadonlyMap<string, number>): void
  /** Settles when nothing waits for a handler, so that the next read is due. */
  room(): Promise<void>
  /** How many wait for a handler. */
  readonly waiting: number
  /** Settles when all are settled. */
  drained(): Promise<void>
  /** Hands over what still waits for a handler, which it then does no longer. */
  release(): HeldEntry[]
  /** Handlers that run now. */
  readonly running: number
}

export interface Handling<V> {
  readonly handler: (entry: ConsumedEntry<V>) => unknown
  readonly concurrency: number
  readonly maxDeliveries: number
  readonly ackEach: boolean
  /** Whether an entry whose handler failed comes again. */
  readonly retries: boolean
  readonly signal: AbortSignal
  /** What of an entry's fields the handler is to see. */
  readonly visible: (fields: readonly unknown[]) => readonly unknown[]
}

export function createEntriesInHand<V>(
  membership: Membership<V>,
  handling: Handling<V>,
  acknowledgements: Acknowledgements,
  deadLetters: DeadLetters<V>,
): EntriesInHand {
  const { telemetry, events } = membership
  let waiting: HeldEntry[] = []
  let running = 0
  let whenRoom: (() => void)[] = []
  let whenDrained: (() => void)[] = []

  /** Starts handlers as long as there is concurrency left. */
  function start(): void {
    while (running < handling.concurrency && waiting.length > 0) {
      running++
      void handle(waiting.shift() as HeldEntry).finally(() => {
        running--
        start()
      })
    }
    if (waiting.length > 0) return
    whenRoom = called(whenRoom)
    if (running === 0) whenDrained = called(whenDrained)
  }

  async function handle(held: HeldEntry): Promise<void> {
    held.running = true
    const entry = entryOf(held)
    if (held.attempt > handling.maxDeliveries) {
      await bury(held, entry, { reason: 'not_acknowledged', deliveries: held.attempt - 1 })
      return
    }
    const processing = beginProcess(telemetry, incomingOf(held))
    try {
      await contextApi.with(processing?.context ?? ROOT_CONTEXT, handling.handler, undefined, entry)
    } catch (error) {
      await fail(held, entry, error, processing)
      return
    }
    processing?.end({ outcome: 'ack' })
    events.emit('processed', { entry })
    const acknowledged = acknowledgements.add(held.stream, held.id)
    if (handling.ackEach) await acknowledged
  }

  async function fail(
    held: HeldEntry,
    entry: ConsumedEntry<V>,
    error: unknown,
    processing: Processing | undefined,
  ): Promise<void> {
    const isLast = held.attempt >= handling.maxDeliveries
    const outcome = isLast ? 'dead_lettered' : handling.retries ? 'requeue' : undefined
    processing?.end({ failure: { error }, outcome })
    events.emit('failed', { entry, error })
    if (isLast) await bury(held, entry, { reason: 'handler_failed', deliveries: held.attempt, error })
    else held.stream.inHand.delete(held.id)
  }

  /** First the copy, then the acknowledgement: a crash between them leaves two copies at most, and never none. */
  async function bury(
    held: HeldEntry,
    entry: ConsumedEntry<V>,
    letter: Parameters<DeadLetters<V>['take']>[2],
  ): Promise<void> {
    if (await deadLetters.take(held, entry, letter)) {
      const acknowledged = acknowledgements.add(held.stream, held.id)
      if (handling.ackEach) await acknowledged
    } else held.stream.inHand.delete(held.id)
  }

  function incomingOf(held: HeldEntry) {
    const { id, attempt, idleMs, readAt } = held
    return describeEntry(telemetry, held.stream.source, id, held.fields, {
      attempt,
      redelivered: idleMs !== undefined,
      readAt,
      ...(idleMs !== undefined && { idleMs }),
    })
  }

  function entryOf({ stream, id, fields, attempt, idleMs }: HeldEntry): ConsumedEntry<V> {
    const list = handling.visible(fields) as readonly V[]
    // Without a prototype, so that a field named __proto__ is a field.
    const record = Object.create(null) as Record<string, V>
    for (let i = 0; i + 1 < list.length; i += 2) record[textOf(list[i])] = list[i + 1] as V
    return { stream: stream.name, id, fields: record, list, attempt, idleMs, signal: handling.signal }
  }

  return {
    accept(stream, entries, attempts) {
      const [readAt, renewedAt] = [telemetry.now(), performance.now()]
      for (const { id, fields, idleMs, deliveriesBefore } of entries) {
        // Claimed from ourselves, since a handler has held the event loop for long: it is being handled already.
        const known = stream.inHand.get(id)
        if (known !== undefined) known.renewedAt = renewedAt
        if (known !== undefined || fields === null) continue
        const claimed = attempts !== undefined || idleMs > 0 || deliveriesBefore > 0
        const held: HeldEntry = {
          stream,
          id,
          fields,
          attempt: attempts?.get(id) ?? deliveriesBefore + 1,
          idleMs: claimed ? idleMs : undefined,
          readAt,
          renewedAt,
          running: false,
        }
        stream.inHand.set(id, held)
        waiting.push(held)
      }
      start()
    },
    room: () => (waiting.length === 0 ? Promise.resolve() : new Promise((resolve) => whenRoom.push(resolve))),
    get waiting() {
      return waiting.length
    },
    get running() {
      return running
    },
    drained: () =>
      waiting.length === 0 && running === 0
        ? Promise.resolve()
        : new Promise((resolve) => whenDrained.push(resolve)),
    release() {
      const released = waiting
      waiting = []
      for (const { stream, id } of released) stream.inHand.delete(id)
      start()
      return released
    },
  }
}

function called(waiters: readonly (() => void)[]): [] {
  for (const resolve of waiters) resolve()
  return []
}
