import type { Failure, Outcome, Processing } from '@waybill/core/adapter'
import { OpenTags } from './open-tags.ts'
import type { DeliveryFields } from './types.ts'

/** What has happened to one delivery; its span ends when the message is settled and the handler is done. */
export interface Delivery {
  readonly fields: DeliveryFields
  /** Absent for a fetched message that nobody handles in a span. */
  processing: Processing | undefined
  isHandled: boolean
  failure: Failure | undefined
  outcome: Outcome | undefined
}

/** To be told how the handler ended. */
export type Handled = (failure: Failure | undefined) => void

/** A fetched message: whoever handles it may do so in a span that learns how the message is settled. */
export interface FetchedDelivery {
  handle(processing: Processing): Handled
}

/** The deliveries of one channel that are not settled yet, by delivery tag: tags start again on every channel. */
export interface OpenDeliveries {
  /** Registers a delivery, to be given back when its handler is done. */
  open(fields: DeliveryFields, processing: Processing): Delivery
  /** The handler is done. @param outcome given if its failure decides what becomes of the message */
  handled(delivery: Delivery, failure: Failure | undefined, outcome?: Outcome): void
  /** Registers a message that was fetched and that may be handled later, or never. */
  fetch(fields: DeliveryFields): FetchedDelivery
  /** The application settled this one message. */
  settle(fields: DeliveryFields, outcome: Outcome): void
  /** The application settled all messages up to and with this one. */
  settleUpTo(fields: DeliveryFields, outcome: Outcome): void
  /** All that is open is settled. */
  settleAll(outcome: Outcome): void
}

/** One table a channel, no state on messages and no timers, so that settling costs the same however many are in flight. */
export function openDeliveries(): OpenDeliveries {
  const unsettled = new OpenTags<Delivery>()

  function register(fields: DeliveryFields, processing: Processing | undefined): Delivery {
    const delivery: Delivery = {
      fields,
      processing,
      isHandled: false,
      failure: undefined,
      outcome: undefined,
    }
    unsettled.set(fields.deliveryTag, delivery)
    return delivery
  }

  function settle(tag: number, delivery: Delivery, outcome: Outcome): void {
    unsettled.delete(tag)
    delivery.outcome = outcome
    if (delivery.isHandled) end(delivery)
  }

  function handled(delivery: Delivery, failure: Failure | undefined, outcome?: Outcome): void {
    delivery.isHandled = true
    delivery.failure = failure
    if (delivery.outcome !== undefined) end(delivery)
    else if (outcome !== undefined) settle(delivery.fields.deliveryTag, delivery, outcome)
  }

  return {
    open: register,
    handled,
    fetch(fields) {
      const delivery = register(fields, undefined)
      return {
        handle(processing) {
          // Handled once more, before it was settled: what went before was not the last word.
          if (delivery.isHandled) end(delivery)
          delivery.processing = processing
          delivery.isHandled = false
          return (failure) => {
            if (delivery.processing === processing) handled(delivery, failure)
            else processing.end({ failure })
          }
        },
      }
    },
    settle(fields, outcome) {
      const delivery = unsettled.get(fields.deliveryTag)
      if (delivery !== undefined && isSame(delivery.fields, fields))
        settle(fields.deliveryTag, delivery, outcome)
    },
    settleUpTo(fields, outcome) {
      const last = unsettled.get(fields.deliveryTag)
      if (last !== undefined && !isSame(last.fields, fields)) return
      for (const [tag, delivery] of unsettled.upTo(fields.deliveryTag)) settle(tag, delivery, outcome)
    },
    settleAll(outcome) {
      for (const [tag, delivery] of unsettled.upTo(Infinity)) settle(tag, delivery, outcome)
    },
  }
}

/**
 * Whether what is settled is what was delivered. A client that reconnects takes messages of a lost channel too, and tells
 * the new one to settle the same tag. Who settles by tag alone is believed.
 */
function isSame(delivered: DeliveryFields, settled: DeliveryFields): boolean {
  return (
    delivered === settled ||
    settled.exchange === undefined ||
    (delivered.exchange === settled.exchange &&
      delivered.routingKey === settled.routingKey &&
      delivered.redelivered === settled.redelivered)
  )
}

function end({ processing, failure, outcome }: Delivery): void {
  processing?.end({ failure, outcome })
}
