import type { Attributes } from '@opentelemetry/api'
import {
  ATTR_DEATH_COUNT,
  ATTR_FIRST_DEATH_QUEUE,
  ATTR_FIRST_DEATH_REASON,
  ATTR_LAST_DEATH_QUEUE,
  ATTR_LAST_DEATH_REASON,
} from './semconv.ts'

type Headers = Readonly<Record<string, unknown>>

/** One entry of `x-death`: all deaths of a message in one queue for one reason. Anything may be missing: senders can write it. */
interface Death {
  readonly queue: string | undefined
  readonly reason: string | undefined
  readonly count: number
  /** Epoch ms of the first of them, in whole seconds. */
  readonly at: number | undefined
  /** Ms that the sender gave the message to live, if it did. */
  readonly expiration: number | undefined
}

/** The deaths of a message, newest first, or `undefined` if it was never dead-lettered. */
export function deathsOf(headers: Headers): readonly Death[] | undefined {
  const entries = headers['x-death']
  if (entries === undefined) return undefined
  return Array.isArray(entries) ? entries.slice(0, 100).map(deathOf) : []
}

function deathOf(entry: unknown): Death {
  const { queue, reason, count, time, 'original-expiration': expiration } = (entry ?? {}) as Headers
  const seconds = (time as { value?: unknown } | null | undefined)?.value
  return {
    queue: textOf(queue),
    reason: textOf(reason),
    count: typeof count === 'number' && Number.isInteger(count) && count > 0 && count < 1e9 ? count : 1,
    at: typeof seconds === 'number' && Number.isInteger(seconds) ? seconds * 1000 : undefined,
    expiration: /^\d{1,12}$/.test(String(expiration)) ? Number(expiration) : undefined,
  }
}

/**
 * When a message came into the queue where it is now, epoch ms, if the newest death tells: an entry keeps the time of its
 * first death, and `redelivered` may stem from a queue before.
 */
export function deadLetteredAt([newest]: readonly Death[], redelivered: boolean): number | undefined {
  return newest?.count === 1 && !redelivered ? newest.at : undefined
}

/** How often at least it has been delivered from this queue before: a handler has had it before each of these deaths. */
export function failuresIn(deaths: readonly Death[], queue: string): number {
  const failed = deaths.filter(
    (death) => death.queue === queue && (death.reason === 'rejected' || death.reason === 'delivery_limit'),
  )
  return failed.reduce((sum, death) => sum + death.count, 0)
}

/**
 * What a sender writes into its `waybill` field when it publishes headers that tell of deaths already, such as those of the
 * message that it retries: a reader who finds the same deaths knows that none has been added since.
 */
export function deathMark(deaths: readonly Death[]): string {
  const seconds = Math.trunc((deaths[0]?.at ?? 0) / 1000)
  return `deaths-${deaths.reduce((sum, { count }) => sum + count, 0)}-${seconds}`
}

/** First and last death, for spans. RabbitMQ 3.10 knows no `x-last-death-…`. */
export function describeDeaths(headers: Headers, deaths: readonly Death[]): Attributes {
  const [newest] = deaths
  const attributes: Attributes = { [ATTR_DEATH_COUNT]: deaths.reduce((sum, { count }) => sum + count, 0) }
  const set = (name: string, ...values: unknown[]): void => {
    const value = values.map(textOf).find((text) => text !== undefined)
    if (value !== undefined) attributes[name] = value
  }
  set(ATTR_FIRST_DEATH_QUEUE, headers['x-first-death-queue'])
  set(ATTR_FIRST_DEATH_REASON, headers['x-first-death-reason'])
  set(ATTR_LAST_DEATH_QUEUE, newest?.queue, headers['x-last-death-queue'])
  set(ATTR_LAST_DEATH_REASON, newest?.reason, headers['x-last-death-reason'])
  return attributes
}

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' && value.length <= 255 ? value : undefined
}
