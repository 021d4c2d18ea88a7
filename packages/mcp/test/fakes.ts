import type { McpMessage, McpReceiver, McpSendOptions, McpTransport } from '../src/types.ts'

/** A transport that keeps what it is given to send. */
export interface FakeTransport extends McpTransport {
  readonly sent: McpMessage[]
  readonly options: (McpSendOptions | undefined)[]
  /** What the next `send` does. */
  answer: () => Promise<void>
}

export function fakeTransport(fields: object = { _otherTransport: {} }): FakeTransport {
  const transport: FakeTransport = {
    sent: [],
    options: [],
    answer: () => Promise.resolve(),
    send(message, options) {
      transport.sent.push(message)
      transport.options.push(options)
      return transport.answer()
    },
    ...fields,
  }
  return transport
}

/** A peer that connects as the SDKs do: it chains the handlers that are there. */
export function fakePeer(receive: McpReceiver = () => undefined) {
  return {
    setRequestHandler: () => undefined,
    connect(transport: McpTransport): Promise<void> {
      const before = transport.onmessage
      transport.onmessage = (message, extra) => {
        before?.(message, extra)
        receive(message, extra)
      }
      const closed = transport.onclose
      transport.onclose = () => closed?.()
      return Promise.resolve()
    },
  }
}
