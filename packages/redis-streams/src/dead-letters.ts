import { context as contextApi, ROOT_CONTEXT, type Context } from '@opentelemetry/api'
import {
  errorTypeOf,
  safely,
  send,
  takeOver,
  WAYBILL_FIELD,
  type Stamp,
  type Telemetry,
  type Trust,
} from '@waybill/core/adapter'
import type { Word } from './commands.ts'
import type { ConsumedEntry, DeadLetter } from './consumer-options.ts'
import { readCarrier } from './delivery.ts'
import type { HeldEntry } from './entries-in-hand.ts'
import { without } from './field-list.ts'
import { destinationOf, resultOf } from './producing.ts'
import type { Membership } from './streams.ts'
import { textOf } from './text.ts'

/** Takes entries that were delivered too often. */
export interface DeadLetters<V> {
  /** Whether it was taken; if not, the entry stays pending and comes again. */
  take(held: HeldEntry, entry: ConsumedEntry<V>, letter: DeadLetter): Promise<boolean>
}

/** Longest text of an error in a dead letter. */
const MOST_ERROR_CHARACTERS = 500

export function createDeadLetters<V>(
  membership: Membership<V>,
  place: string | ((entry: ConsumedEntry<V>, letter: DeadLetter) => unknown) | undefined,
  template: string | ((stream: string) => string | undefined) | undefined,
): DeadLetters<V> {
  const { telemetry, events } = membership
  return {
    async take(held, entry, letter) {
      try {
        const context = contextOf(telemetry, held)
        await contextApi.with(context, () =>
          typeof place === 'function'
            ? place(entry, letter)
            : copy(membership, membership.port.keyPrefix + String(place), held, letter, template),
        )
      } catch (error) {
        events.emit('error', { during: 'dead letter', error })
        return false
      }
      events.emit('deadLettered', { entry, letter })
      return true
    },
  }
}

/** That of the entry's creation, if it is believed: a dead letter is the next hop of the same journey. */
function contextOf(telemetry: Telemetry, { stream, id, fields, attempt }: HeldEntry): Context {
  const { trust } = telemetry.options
  const info = { destination: stream.key, messageId: id, attempt }
  const judged = safely<Trust>(telemetry.log, 'options.trust()', 'link', () =>
    typeof trust === 'function' ? trust(info) : trust,
  )
  if (judged !== 'continue') return ROOT_CONTEXT
  const { carrier, getter } = readCarrier(telemetry, stream.source, fields)
  return takeOver(telemetry, carrier, getter) ?? ROOT_CONTEXT
}

/** Copies the entry with its own fields and its own context; `waybill` alone is that of this hop. */
function copy<V>(
  { telemetry, port, group, consumer }: Membership<V>,
  key: string,
  { stream, id, fields }: HeldEntry,
  letter: DeadLetter,
  template: Parameters<typeof destinationOf>[2],
): Promise<unknown> {
  const facts: string[] = ['dead_letter_id', id, 'dead_letter_stream', stream.key, 'dead_letter_group', group]
  facts.push('dead_letter_consumer', consumer, 'dead_letter_reason', letter.reason)
  facts.push('dead_letter_deliveries', String(letter.deliveries))
  if (letter.error !== undefined)
    facts.push('dead_letter_error', textOfError(letter.error).slice(0, MOST_ERROR_CHARACTERS))
  const outgoing = { operation: 'xadd', destination: destinationOf(telemetry, key, template) }
  return send(
    telemetry,
    outgoing,
    (sending) => {
      // A dead letter that dies once more tells of its last death.
      const { own, context } = split(without(fields, new Set(facts.filter((_, i) => i % 2 === 0))))
      const whole = [...own, ...facts, ...context]
      const { carrier, getter } = readCarrier(telemetry, stream.source, fields)
      const isTraced = getter.get(carrier, 'traceparent') !== undefined
      const stamp = sending && (isTraced ? waybillOnly(sending.stamp()) : sending.stamp())
      const written = stamp === undefined ? whole : stream.source.carrier.write(whole, stamp)
      return port.send('XADD', key, '*', ...(written as readonly Word[]))
    },
    resultOf,
  )
}

const CONTEXT: ReadonlySet<string> = new Set(['traceparent', 'tracestate', 'baggage', WAYBILL_FIELD])

/** The application's fields, and those of the context, which come last as they do everywhere. */
function split(fields: readonly unknown[]): {
  readonly own: readonly unknown[]
  readonly context: unknown[]
} {
  const context: unknown[] = []
  for (let i = 0; i + 1 < fields.length; i += 2) {
    if (CONTEXT.has(textOf(fields[i]).toLowerCase())) context.push(fields[i], fields[i + 1])
  }
  return { own: without(fields, CONTEXT), context }
}

/** Of what a send writes only the `waybill` field: the context is to stay that of the creation. */
function waybillOnly({ fields: { [WAYBILL_FIELD]: waybill } }: Stamp): Stamp {
  const replaces = new Set([WAYBILL_FIELD])
  return { fields: waybill === undefined ? {} : { [WAYBILL_FIELD]: waybill }, replaces }
}

function textOfError(error: unknown): string {
  return error instanceof Error ? `${error.name}: ${error.message}` : errorTypeOf(error)
}
