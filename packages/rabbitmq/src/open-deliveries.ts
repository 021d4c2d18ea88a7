import type { Failure, Outcome, Processing } from '@waybill/core/adapter'

/** What has happened to one delivery; its span ends when the message is settled and the handler is done. */
interface Delivery {
  readonly processing: Processing
  isHandled: boolean
  failure: Failure | undefined
  outcome: Outcome | undefined
}

/** The deliveries of one channel that are not settled yet, by delivery tag: tags start again on every channel. */
export interface OpenDeliveries {
  /** Registers a delivery; the result is to be told how its handler ended. */
  open(tag: number, processing: Processing): (failure: Failure | undefined, outcome?: Outcome) => void
  /** The application settled this one message. */
  settle(tag: number, outcome: Outcome): void
  /** The application settled all messages up to and with this one; the tag 0 stands for all. */
  settleUpTo(tag: number, outcome: Outcome): void
}

/** One map a channel, no state on messages and no timers, so that settling costs the same however many are in flight. */
export function openDeliveries(): OpenDeliveries {
  const unsettled = new Map<number, Delivery>()

  function settle(tag: number, outcome: Outcome): void {
    const delivery = unsettled.get(tag)
    if (delivery === undefined) return
    unsettled.delete(tag)
    delivery.outcome = outcome
    if (delivery.isHandled) end(delivery)
  }

  return {
    open(tag, processing) {
      const delivery: Delivery = { processing, isHandled: false, failure: undefined, outcome: undefined }
      unsettled.set(tag, delivery)
      return (failure, outcome) => {
        delivery.isHandled = true
        delivery.failure = failure
        if (delivery.outcome !== undefined) end(delivery)
        else if (outcome !== undefined) settle(tag, outcome)
      }
    },
    settle,
    settleUpTo(last, outcome) {
      // A map keeps the order of insertion, and tags only grow.
      for (const tag of unsettled.keys()) {
        if (last !== 0 && tag > last) break
        settle(tag, outcome)
      }
    },
  }
}

function end({ processing, failure, outcome }: Delivery): void {
  processing.end({ failure, outcome })
}
