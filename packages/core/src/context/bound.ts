import { context as contextApi, type Context } from '@opentelemetry/api'
import type { EventEmitter } from 'node:events'
import { isPatched, patchMethod } from '../patch.ts'
import { WaybillTypeError } from '../options.ts'

/**
 * A function that runs in the context that is active *now*, wherever it is called from: a listener, a callback of a pooled
 * socket, a task for somebody else's queue. Arguments, `this`, result and error are those of `fn`.
 *
 * @param to the context to run in; default: the active one
 * @throws WaybillTypeError if `fn` is no function
 * @example
 * signal.addEventListener('abort', bindContext(() => span.addEvent('aborted')))
 */
export function bindContext<A extends unknown[], R, T>(
  fn: (this: T, ...args: A) => R,
  to: Context = contextApi.active(),
): (this: T, ...args: A) => R {
  if (typeof fn !== 'function') throw refusal('bindContext', 'a function', fn, 'Pass the callback itself.')
  return function bound(this: T, ...args) {
    return contextApi.with(to, () => fn.apply(this, args))
  }
}

type Listener = (...args: unknown[]) => void
/** Node.js hangs the listener that was given on the one that it keeps, and looks there when one is to be removed. */
type KeptListener = Listener & { listener?: KeptListener }

const ADDING = ['on', 'addListener', 'prependListener', 'once', 'prependOnceListener'] as const
const REMOVING = ['off', 'removeListener'] as const

/**
 * Makes every listener that is added to this emitter from now on run in the context in which it was added, instead of in
 * that of whoever emits. Patches this one instance and returns it; a second call changes nothing. Listeners are removed as
 * before, by the function that was added.
 *
 * @throws WaybillTypeError if `emitter` is no `EventEmitter`; for an `EventTarget` use `bindContext` on the listener
 * @example
 * const jobs = bindEmitter(new EventEmitter())
 */
export function bindEmitter<E extends EventEmitter>(emitter: E): E {
  for (const method of [...ADDING, ...REMOVING, 'rawListeners'] as const) {
    if (typeof (emitter as Partial<E> | null | undefined)?.[method] !== 'function') {
      throw refusal(
        'bindEmitter',
        'an EventEmitter of node:events',
        emitter,
        'Wrap the listeners of anything else with bindContext().',
      )
    }
  }
  if (isPatched(emitter, 'on')) return emitter
  // `once` of Node.js adds its own wrapper through `on`: what is bound already must not be bound again.
  let adding = false
  for (const method of ADDING) {
    patchMethod(emitter, method, (original) => (event: string | symbol, listener: Listener) => {
      if (adding || typeof listener !== 'function') return original(event, listener)
      adding = true
      try {
        return original(event, Object.assign(bindContext(listener), { listener }))
      } finally {
        adding = false
      }
    })
  }
  for (const method of REMOVING) {
    patchMethod(emitter, method, (original) => (event: string | symbol, listener: Listener) => {
      const kept = emitter.rawListeners(event).findLast((raw) => leadsTo(raw as KeptListener, listener))
      return original(event, (kept as Listener | undefined) ?? listener)
    })
  }
  return emitter
}

function leadsTo(kept: KeptListener, listener: Listener): boolean {
  return kept === listener || (kept.listener !== undefined && leadsTo(kept.listener, listener))
}

function refusal(functionName: string, expected: string, got: unknown, remedy: string): WaybillTypeError {
  return new WaybillTypeError({ packageName: '@waybill/core', functionName }, expected, got, remedy)
}
