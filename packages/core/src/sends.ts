import { createContextKey, type Context, type DiagLogger } from '@opentelemetry/api'
import { safely } from './diag.ts'

// The API derives a registered symbol from the text, so two copies of this package share the key.
const SENDS_KEY = createContextKey('waybill.sends')

/** Is told of every send that is made within a context, sampled or not: `count` is its number of messages. */
export type SendObserver = (count: number) => void

/** A context whose sends are told to `observer`. */
export function withSendObserver(context: Context, observer: SendObserver): Context {
  return context.setValue(SENDS_KEY, observer)
}

/** Tells whoever observes the sends of this context, if anybody does. Never throws. */
export function reportSend(context: Context, count: number, log: DiagLogger): void {
  const observer = context.getValue(SENDS_KEY) as SendObserver | undefined
  if (observer === undefined) return
  safely(log, 'observing a send', undefined, () => {
    observer(count)
  })
}
