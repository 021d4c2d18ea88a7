import type { Attributes } from '@opentelemetry/api'
import {
  check,
  createTelemetry,
  hasMethod,
  isForeignCarriers,
  isFunction,
  isStrings,
  WaybillTypeError,
  type Check,
  type Telemetry,
  type TelemetryOptions,
  type Trust,
} from '@waybill/core/adapter'
import { VERSION } from './version.ts'

/** What a `trust` function is told about an incoming request or notification. */
export interface McpRequestInfo {
  readonly method: string
  /** Name of the tool or prompt, if it is about one. */
  readonly name?: string | undefined
  readonly sessionId?: string | undefined
  /** Who is at the other end, as the transport's authorisation found. */
  readonly authInfo?: unknown
}

/** Options of `traceMcp` and `traceTool`. All are optional; unknown names are an error. */
export interface McpOptions extends Pick<
  TelemetryOptions,
  | 'tracerProvider'
  | 'meterProvider'
  | 'propagator'
  | 'acceptBaggage'
  | 'sendBaggage'
  | 'maxBaggageBytes'
  | 'foreignCarriers'
> {
  /** `continue` (default), `link` or `ignore` an incoming context. */
  readonly trust?: Trust | ((request: McpRequestInfo) => Trust)
  /**
   * Hosts (`tools.example.com`, or with its port) of HTTP servers that get baggage. Those on this machine's loopback get
   * it without being listed, and so do stdio and in-memory peers. Default none.
   */
  readonly baggageTo?: readonly string[]
  /**
   * Whether a request gets a CLIENT span: `auto` (default) if no active `execute_tool` span stands for the tool call
   * already, which then gets the attributes; `always`; or `never`, which propagates the active context as it is.
   */
  readonly clientSpan?: 'auto' | 'always' | 'never'
  /**
   * Is given arguments and result of every tool call, as JSON in `gen_ai.tool.call.arguments` and `.result`, with the span
   * of the call active. Meant for `recordSensitive` of `@waybill/agent`. Default none: content is not recorded.
   */
  readonly recordContent?: (name: string, attributes: Attributes) => void
}

/** Checked options and telemetry of one peer. */
export interface Settings {
  readonly telemetry: Telemetry
  readonly clientSpan: 'auto' | 'always' | 'never'
  readonly baggageTo: ReadonlySet<string>
  readonly recordContent: McpOptions['recordContent']
  readonly trustOf: (request: McpRequestInfo) => Trust
}

// Options that only messages have are unknown here; the values of shared ones are checked by core.
const CHECKS: Record<keyof McpOptions, Check> = {
  tracerProvider: hasMethod('getTracer'),
  meterProvider: hasMethod('getMeter'),
  propagator: hasMethod('inject'),
  trust: () => undefined,
  foreignCarriers: isForeignCarriers,
  acceptBaggage: isStrings,
  sendBaggage: isStrings,
  maxBaggageBytes: () => undefined,
  baggageTo: isStrings,
  recordContent: isFunction,
  clientSpan: (value) =>
    ['auto', 'always', 'never'].includes(value as string) ? undefined : "'auto', 'always' or 'never'",
}

/** @throws WaybillTypeError on an unknown name or a wrong value */
export function resolveSettings(functionName: string, options: McpOptions = {}): Settings {
  const origin = { packageName: '@waybill/mcp', functionName } as const
  if (typeof options !== 'object' || options === null || Array.isArray(options)) {
    throw new WaybillTypeError(origin, 'an options object', options, 'Leave it out to take the defaults.')
  }
  check(origin, options, CHECKS, '')
  const { baggageTo = [], clientSpan = 'auto', recordContent, ...shared } = options
  const telemetry = createTelemetry(
    { ...origin, version: VERSION, system: 'mcp' },
    shared as Omit<typeof shared, 'trust'> & Pick<TelemetryOptions, 'trust'>,
  )
  const { trust = 'continue' } = options
  return {
    telemetry,
    clientSpan,
    recordContent,
    baggageTo: new Set(baggageTo.map((host) => host.toLowerCase())),
    trustOf: typeof trust === 'function' ? trust : () => trust,
  }
}
