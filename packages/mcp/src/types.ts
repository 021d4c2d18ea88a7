/** A JSON-RPC message, as far as it is read. */
export interface McpMessage {
  readonly id?: string | number | null | undefined
  readonly method?: string | undefined
  readonly params?: unknown
  readonly result?: unknown
  readonly error?: unknown
}

/** What a transport tells besides a message. */
export interface McpMessageExtra {
  /** SDK 1.x: there if the message came in an HTTP request to a server. */
  readonly requestInfo?: { readonly headers?: unknown } | undefined
  /** SDK 2.x: the same. */
  readonly request?: unknown
  readonly authInfo?: unknown
  /** SDK 2.x: there if one HTTP request is one exchange, and its end is the end of the call. */
  readonly classification?: { readonly era?: unknown } | undefined
}

/** Options of a transport's `send`. */
export interface McpSendOptions {
  readonly requestSignal?: AbortSignal | undefined
  readonly onRequestStreamEnd?: (() => void) | undefined
}

export type McpReceiver = (message: McpMessage, extra?: McpMessageExtra) => void

/** The slice of a transport that is traced; the same in SDK 1.x and 2.x. */
export interface McpTransport {
  send(message: McpMessage, options?: McpSendOptions): Promise<void>
  onmessage?: McpReceiver | undefined
  onclose?: (() => void) | undefined
  readonly sessionId?: string | undefined
  readonly protocolVersion?: string | undefined
  readonly hasPerRequestStream?: boolean | undefined
}

/** A `Client` or `Server`. */
export interface McpProtocol {
  connect(...args: never[]): Promise<unknown>
  setRequestHandler(...args: never[]): unknown
}

/** What `traceMcp` takes: a `Client`, a `Server` or an `McpServer`, of SDK 1.x or 2.x. */
export type McpPeer =
  | McpProtocol
  | { connect(...args: never[]): Promise<unknown>; readonly server: McpProtocol }
