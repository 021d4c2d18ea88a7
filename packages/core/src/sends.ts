import { createContextKey, type Context, type DiagLogger, type SpanContext } from '@opentelemetry/api'
import { safely } from './diag.ts'

// The API derives a registered symbol from the text, so two copies of this package share the key.
const SENDS_KEY = createContextKey('waybill.sends')

/**
 * Is told of every send that is made within a context, sampled or not: `count` messages that carry `creation`. More
 * messages of the same send may be told of later, where their number is known only then.
 */
export type SendObserver = (count: number, creation: SpanContext | undefined) => void

/** A context whose sends are told to `observer`. */
export function withSendObserver(context: Context, observer: SendObserver): Context {
  return context.setValue(SENDS_KEY, observer)
}

/** Tells whoever observes the sends of this context, if anybody does. Never throws. */
export function reportSend(
  context: Context,
  count: number,
  creation: SpanContext | undefined,
  log: DiagLogger,
): void {
  const observer = context.getValue(SENDS_KEY) as SendObserver | undefined
  if (observer === undefined) return
  safely(log, 'observing a send', undefined, () => {
    observer(count, creation)
  })
}
