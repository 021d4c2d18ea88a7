import { context as contextApi, ROOT_CONTEXT, type Context } from '@opentelemetry/api'
import type { McpMessage, McpMessageExtra, McpReceiver, McpTransport } from './types.ts'

/** Is given a message and what the SDK does with it, which it has to call with that message or a copy. */
export type Receiving = (
  message: McpMessage,
  extra: McpMessageExtra | undefined,
  deliver: (message: McpMessage) => void,
) => void

/**
 * Has every handler that is assigned to `transport.onmessage` called through `receiving`. SDKs assign it when they
 * connect, and keep what is there already by calling it from the new one: a message that is being delivered is not
 * received again, and goes on in the context that was chosen for it: another instrumentation, which wraps the handler when
 * the transport starts, would put one of its own between. Transports that hand the property on to another object (v1 over node:http) keep doing so.
 */
export function traceReceiver(transport: McpTransport, receiving: Receiving): void {
  let delivering: McpMessage | undefined
  let chosen: Context = ROOT_CONTEXT
  const wrap = (handler: McpReceiver): McpReceiver =>
    function (this: unknown, message, extra) {
      if (message === delivering) {
        contextApi.with(chosen, () => handler.call(this, message, extra))
        return
      }
      receiving(message, extra, (passedOn) => {
        const before = { delivering, chosen }
        delivering = passedOn
        chosen = contextApi.active()
        try {
          handler.call(this, passedOn, extra)
        } finally {
          delivering = before.delivering
          chosen = before.chosen
        }
      })
    }
  const inherited = accessorOf(transport)
  const given = transport.onmessage
  let current: McpReceiver | undefined
  Object.defineProperty(transport, 'onmessage', {
    configurable: true,
    enumerable: true,
    get: () =>
      inherited === undefined ? current : (inherited.get?.call(transport) as McpReceiver | undefined),
    set(handler: McpReceiver | undefined) {
      const wrapped = typeof handler === 'function' ? wrap(handler) : handler
      if (inherited === undefined) current = wrapped
      else inherited.set?.call(transport, wrapped)
    },
  })
  if (given !== undefined) transport.onmessage = given
}

/** The getter and setter that the property has by the transport's class. */
function accessorOf(transport: McpTransport): PropertyDescriptor | undefined {
  for (
    let object: object | null = transport;
    object !== null;
    object = Object.getPrototypeOf(object) as object
  ) {
    const found = Object.getOwnPropertyDescriptor(object, 'onmessage')
    if (found !== undefined) return found.set === undefined ? undefined : found
  }
  return undefined
}
