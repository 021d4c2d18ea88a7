import os from 'node:os'
import { setTimeout as delay } from 'node:timers/promises'
import { context as contextApi, ROOT_CONTEXT } from '@opentelemetry/api'
import { createTelemetry, suppressed } from '@waybill/core/adapter'
import { createAcknowledgements } from './acknowledgements.ts'
import { carrierOf } from './carrier.ts'
import { claimIdle } from './claiming.ts'
import { CONSUMER_CHECKS, requireOptions } from './consumer-checks.ts'
import { createEmitter, type ConsumerEvents, type EventName } from './consumer-events.ts'
import type { ConsumerOptions } from './consumer-options.ts'
import { createDeadLetters } from './dead-letters.ts'
import { createEntriesInHand } from './entries-in-hand.ts'
import { contextFieldsOf } from './handler.ts'
import { giveBack, renewHold } from './holding.ts'
import { createStreamLag } from './lag.ts'
import { destinationOf } from './producing.ts'
import { readStreamsOf } from './reading.ts'
import { createReceiving, type Receive } from './receiving.ts'
import { scopeOf } from './scope.ts'
import type { Membership, Stream } from './streams.ts'

/** A running consumer. `await using` stops it. */
export interface Consumer<V = string> extends AsyncDisposable {
  /** Its name in the group. */
  readonly name: string
  /** Settles when the groups are there and reading begins; also when it is stopped before that. */
  ready(): Promise<void>
  /** @returns a function that removes the listener */
  on<N extends EventName>(name: N, listener: (event: ConsumerEvents<V>[N]) => void): () => void
  /**
   * Reads no more, lets the handlers of all that was delivered finish, acknowledges, and closes its own connections. After
   * `deadlineMs` (default 30,000) it waits no longer: entries that no handler has seen are given back, and the signal of
   * those that run is aborted. Later calls return the same promise.
   *
   * @returns how many handlers were still running
   */
  stop(options?: { readonly deadlineMs?: number }): Promise<{ readonly unfinished: number }>
}

const DEADLINE_MS = 30_000
const GIVE_BACK_MS = 1000

/**
 * Consumes streams as a member of a consumer group: reads on a connection of its own, runs `handler` for each entry in the
 * entry's trace, acknowledges what has succeeded, takes over what others left pending, and gives up on what fails too often.
 * Every entry is handled at least once. It starts at once; listeners may be added in the same turn.
 *
 * @throws WaybillTypeError on a bad option
 * @example
 * const consumer = createConsumer({ client: redis, streams: ['jobs'], group: 'billing', handler: ({ fields }) => bill(fields) })
 * process.once('SIGTERM', () => consumer.stop())
 */
export function createConsumer<V = string>(options: ConsumerOptions<V>): Consumer<V> {
  const scope = scopeOf('createConsumer')
  const telemetry = createTelemetry(scope, options, CONSUMER_CHECKS)
  const port = requireOptions(scope, options)
  const { group, consumer = `${os.hostname()}:${process.pid}`, concurrency = 10, template } = options
  const { count = concurrency, blockMs = 2000, from = '0', bytes = false, deadLetter } = options
  const claim = options.claim === false ? undefined : (options.claim ?? {})
  const { minIdleMs = 60_000, everyMs = Math.ceil(minIdleMs / 4), heartbeat = true } = claim ?? {}
  const carrier = carrierOf(options.carrier)
  const streams: readonly Stream[] = options.streams.map((name) => {
    const key = port.keyPrefix + name
    const source = { destination: destinationOf(telemetry, key, template), group, consumer, carrier }
    return { name, key, source, inHand: new Map(), lastId: undefined }
  })
  const events = createEmitter<V>(telemetry)
  const membership: Membership<V> = { telemetry, port, group, consumer, streams, events }
  const ending = new AbortController()
  const givenUp = new AbortController()
  const acknowledgements = createAcknowledgements(membership)
  const hidden = contextFieldsOf()
  const inHand = createEntriesInHand(
    membership,
    {
      handler: options.handler,
      concurrency,
      maxDeliveries: options.maxDeliveries ?? (deadLetter === undefined ? Infinity : 5),
      ackEach: options.ackMode === 'each',
      retries: claim !== undefined,
      signal: givenUp.signal,
      visible: (fields) =>
        options.keepContextFields === true ? fields : carrier.visible(fields, hidden(telemetry.signals())),
    },
    acknowledgements,
    createDeadLetters(membership, deadLetter, template),
  )
  const lag = options.lag === true ? createStreamLag(membership) : undefined
  const receiving = options.receiveSpans === true ? createReceiving(telemetry) : undefined
  const [ready, isReady] = latch<void>()
  let claiming: NodeJS.Timeout | undefined
  let renewing: NodeJS.Timeout | undefined

  const claims = oneAtATime(() => claimIdle(membership, { minIdleMs, count }, inHand))
  const renewals = oneAtATime(() => renewHold(membership, minIdleMs / 4))

  function begin(): void {
    events.emit('ready', { consumer })
    isReady()
    if (claim === undefined || ending.signal.aborted) return
    claims.run()
    claiming = setInterval(claims.run, everyMs)
    if (heartbeat) renewing = setInterval(renewals.run, minIdleMs / 4)
  }

  async function read(): Promise<void> {
    // In a cluster each stream has a reader of its own: one read could not ask several nodes.
    const shares = port.isCluster ? streams.map((stream) => [stream]) : [streams]
    let starting = shares.length
    const started = (): void => {
      if (--starting === 0) begin()
    }
    const received: Receive = (...read) => {
      // Asked again and again, since an SDK may come late.
      lag?.watch()
      receiving?.(...read)
    }
    const readOptions = { count, blockMs, from, bytes, claimIdleMs: claim && minIdleMs }
    // In the next turn, so that listeners can be added before.
    await Promise.resolve()
    await Promise.all(
      shares.map((share) =>
        readStreamsOf(
          membership,
          share,
          readOptions,
          inHand,
          received,
          started,
          ending.signal,
          givenUp.signal,
        ),
      ),
    )
  }
  // Nothing that is active now may become a parent of messages, and the commands of the loop are no spans of their own.
  const reading = contextApi.with(suppressed(ROOT_CONTEXT), read)

  async function stop(deadlineMs: number): Promise<{ readonly unfinished: number }> {
    ending.abort()
    clearInterval(claiming)
    // What is being claimed now is ours to handle, too.
    const drained = reading.then(claims.settled).then(inHand.drained).then(acknowledgements.flush)
    const [deadline, passed] = latch<'late'>()
    const timer = setTimeout(passed, deadlineMs, 'late')
    const isLate = (await Promise.race([drained, deadline])) === 'late'
    clearTimeout(timer)
    const { running: unfinished } = inHand
    if (isLate) {
      givenUp.abort()
      // The server may be why it is late.
      const patience = delay(GIVE_BACK_MS, undefined, { ref: false })
      await Promise.race([giveBack(membership, inHand.release(), minIdleMs), patience])
    }
    clearInterval(renewing)
    lag?.stop()
    isReady()
    events.emit('stopped', { unfinished })
    return { unfinished }
  }
  let stopped: Promise<{ readonly unfinished: number }> | undefined
  const stopOnce = (deadlineMs = DEADLINE_MS): Promise<{ readonly unfinished: number }> =>
    (stopped ??= contextApi.with(suppressed(ROOT_CONTEXT), () => stop(deadlineMs)))

  return {
    name: consumer,
    ready: () => ready,
    on: (name, listener) => events.on(name, listener),
    stop: ({ deadlineMs } = {}) => stopOnce(deadlineMs),
    [Symbol.asyncDispose]: async () => {
      await stopOnce()
    },
  }
}

/** Calls that are left out while the last one is under way. */
function oneAtATime(call: () => Promise<void>): { run(): void; settled(): Promise<void> } {
  let current: Promise<void> | undefined
  return {
    run() {
      current ??= call().finally(() => {
        current = undefined
      })
    },
    settled: () => current ?? Promise.resolve(),
  }
}

/** A promise, and what fulfils it. */
function latch<T>(): [promise: Promise<T>, fulfil: (value: T) => void] {
  let fulfil: (value: T) => void = () => undefined
  const promise = new Promise<T>((resolve) => {
    fulfil = resolve
  })
  return [promise, fulfil]
}
