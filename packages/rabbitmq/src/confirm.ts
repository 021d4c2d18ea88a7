import { errorMonitor } from 'node:events'
import type { SendResult } from '@waybill/core/adapter'
import { OpenTags } from './open-tags.ts'
import { returnedMessages, type ReturnKey } from './returned-messages.ts'

/** Whoever waits for the broker's word on one published message. */
export interface Awaiting {
  end(result: SendResult): void
}

/** Turns the broker's confirms and returns on one channel into the ends of spans. */
export interface Confirms {
  /** The tag that the next published message will have. `undefined`: the client does not tell. */
  nextTag(): number | undefined
  /**
   * Ends `sending` with the broker's answer to the message of that tag.
   *
   * @param key given for a mandatory message, which the broker may return
   */
  await(tag: number, sending: Awaiting, key: ReturnKey | undefined): void
}

interface Emitter {
  prependListener(event: string | symbol, listener: (argument: unknown) => void): unknown
  readonly lwm?: unknown
  readonly unconfirmed?: unknown
}

/**
 * `undefined` for a channel that is not in confirm mode. The channel's own events are watched, before the client does, so
 * that a span has ended when the application hears of the confirm. No callback is added to a publish: before amqplib 2.2.1
 * `waitForConfirms()` after a lost channel depends on whether there was one.
 */
export function confirmsOf(channel: object): Confirms | undefined {
  const { waitForConfirms } = channel as { waitForConfirms?: unknown }
  if (typeof waitForConfirms !== 'function' || !isEmitter(channel)) return undefined
  const unconfirmed = new OpenTags<Awaiting>()
  const returned = returnedMessages()
  let cause: unknown

  function end(tag: number, result: SendResult): void {
    const sending = unconfirmed.get(tag)
    if (sending === undefined) return
    unconfirmed.delete(tag)
    sending.end(returned.take(tag) ?? result)
  }

  function answered(fields: unknown, result: SendResult): void {
    const { deliveryTag, multiple } = fields as { deliveryTag: number; multiple: boolean }
    if (!multiple) {
      end(deliveryTag, result)
      return
    }
    for (const [tag] of unconfirmed.upTo(deliveryTag)) end(tag, result)
  }

  channel.prependListener('ack', (fields) => {
    answered(fields, {})
  })
  channel.prependListener('nack', (fields) => {
    answered(fields, { failure: { error: new Error('message nacked') }, errorType: 'nack' })
  })
  channel.prependListener('return', (message) => {
    returned.add(message)
  })
  // A monitor: an 'error' that the application does not listen for stays unhandled.
  channel.prependListener(errorMonitor, (error) => {
    cause = error
  })
  channel.prependListener('close', () => {
    for (const [tag] of unconfirmed.upTo(Infinity)) end(tag, closed(cause))
  })
  return {
    nextTag: () => nextTag(channel),
    await(tag, sending, key) {
      unconfirmed.set(tag, sending)
      if (key !== undefined) returned.expect(tag, key)
    },
  }
}

/** What the promise or callback of a publish says, where a client reports its confirms so. */
export function resultOf(error: unknown): SendResult {
  if (error === null || error === undefined) return {}
  const { message } = error as { message?: unknown }
  return { failure: { error }, errorType: KNOWN_ERRORS[String(message).toLowerCase()] }
}

const KNOWN_ERRORS: Readonly<Record<string, string>> = {
  'message nacked': 'nack',
  'channel closed': 'channel_closed',
  timeout: 'timeout',
}

function closed(cause: unknown): SendResult {
  const { code } = (cause ?? {}) as { code?: unknown }
  return {
    failure: { error: cause ?? new Error('channel closed') },
    errorType: typeof code === 'number' ? String(code) : 'channel_closed',
  }
}

/** amqplib keeps the lowest tag without a confirm, and a slot for each message from there on. */
function nextTag({ lwm, unconfirmed }: Emitter): number | undefined {
  return typeof lwm === 'number' && Array.isArray(unconfirmed) ? lwm + unconfirmed.length : undefined
}

function isEmitter(channel: object): channel is Emitter {
  return typeof (channel as { prependListener?: unknown }).prependListener === 'function'
}
