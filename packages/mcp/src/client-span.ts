import {
  context as contextApi,
  propagation,
  SpanKind,
  trace,
  type Attributes,
  type Context,
  type Span,
  type SpanContext,
} from '@opentelemetry/api'
import { extract, inject, NO_SPAN, recordGetter, safely, type Signals } from '@waybill/core/adapter'
import { recordContent } from './content.ts'
import { takesBaggage, type Endpoint } from './endpoint.ts'
import { metaOf, withFields } from './meta.ts'
import { instrumentsOf } from './metrics.ts'
import type { Settings } from './options.ts'
import { outcomeAttributes, recordOutcome, type Outcome } from './outcome.ts'
import { argumentsOf, creationAttributes, factsOf, spanName, type RequestFacts } from './request.ts'
import {
  ATTR_MCP_METHOD,
  ATTR_OPERATION,
  ATTR_TOOL_ARGUMENTS,
  ATTR_TOOL_NAME,
  ATTR_TOOL_RESULT,
  EXECUTE_TOOL,
} from './semconv.ts'
import { handledIn } from './origin.ts'
import type { McpMessage } from './types.ts'

/** Who sends, and where to. */
export interface Sender {
  readonly settings: Settings
  readonly signals: Signals
  readonly endpoint: Endpoint
}

/** A request under way: a CLIENT span, or a place on the span that stands for the call already. */
export interface Calling {
  readonly facts: RequestFacts
  /** The context of whoever makes the call. */
  readonly caller: Context
  /** What the transport sends in. */
  readonly context: Context
  /** The copy that is sent. */
  readonly message: McpMessage
  /** @param attributes what is known of the connection by now, for spans and points */
  end(outcome: Outcome, attributes?: Attributes): void
}

/** Starts the span of an outgoing request, and writes its context into a copy. Never throws. */
export function beginCalling(sender: Sender, message: McpMessage, details: () => Attributes): Calling {
  const { settings, signals, endpoint } = sender
  const { log } = settings.telemetry
  const facts = factsOf(message)
  const caller = contextApi.active()
  const started = performance.now()
  const outer = settings.clientSpan === 'auto' ? outerSpan(caller, facts) : undefined
  const own = outer === undefined && settings.clientSpan !== 'never'
  const earlier = earlierContext(sender, message, caller)
  const span = own
    ? safely(log, 'starting a client span', NO_SPAN, () =>
        signals.tracer.startSpan(
          spanName(facts),
          {
            kind: SpanKind.CLIENT,
            attributes: { ...creationAttributes(facts), ...endpoint.attributes },
            ...(earlier !== undefined && { links: [{ context: earlier.context }] }),
          },
          caller,
        ),
      )
    : (outer ?? NO_SPAN)
  if (span.isRecording())
    safely(log, 'describing a client span', undefined, () => {
      if (!own) span.setAttributes({ ...creationAttributes(facts), ...endpoint.attributes })
      span.setAttributes(details())
    })
  const context = span === NO_SPAN ? caller : trace.setSpan(caller, span)
  if (own) recordContent(settings, context, facts, ATTR_TOOL_ARGUMENTS, argumentsOf(message))
  let ended = false
  return {
    facts,
    caller,
    context,
    message: stamped(sender, message, context, earlier?.copied),
    end(outcome, attributes = {}) {
      if (ended) return
      ended = true
      if (own) recordContent(settings, context, facts, ATTR_TOOL_RESULT, outcome.result)
      safely(log, 'ending a client span', undefined, () => {
        try {
          if (span.isRecording()) span.setAttributes(attributes)
          recordOutcome(span, outcome)
        } finally {
          if (own) span.end()
        }
        instrumentsOf(signals).operation.client.record((performance.now() - started) / 1000, {
          ...creationAttributes(facts),
          ...attributes,
          ...outcomeAttributes(outcome),
        })
      })
    },
  }
}

/** A notification with the caller's context in it. It has no span of its own. */
export function stampNotification(sender: Sender, message: McpMessage): McpMessage {
  const caller = contextApi.active()
  return stamped(sender, message, caller, earlierContext(sender, message, caller)?.copied)
}

function stamped(
  { settings, signals, endpoint }: Sender,
  message: McpMessage,
  context: Context,
  replace: boolean = false,
): McpMessage {
  const { log, options } = settings.telemetry
  return safely(log, 'writing the context of a request', message, () => {
    const allow = takesBaggage(endpoint, settings.baggageTo)
      ? options.sendBaggage
      : broughtKeys(endpoint, context, options.sendBaggage)
    const fields = inject(context, signals.propagator, { allow, maxBytes: options.maxBaggageBytes }, log)
    return Object.keys(fields).length === 0 ? message : withFields(message, fields, replace)
  })
}

/** What a server may send back over HTTP: baggage that its client brought, as it was. Whatever else may be the server's own. */
function broughtKeys(
  endpoint: Endpoint,
  context: Context,
  allowed: readonly string[] | undefined,
): readonly string[] {
  const brought = endpoint.host === undefined ? handledIn(context)?.baggage : undefined
  const active = propagation.getBaggage(context)
  return (brought?.getAllEntries() ?? [])
    .filter(([key, { value }]) => active?.getEntry(key)?.value === value)
    .map(([key]) => key)
    .filter((key) => allowed?.includes(key) ?? true)
}

/** The context that a message has already: the application's own, or one copied from the request that is handled now. */
function earlierContext(
  { settings, signals }: Sender,
  message: McpMessage,
  caller: Context,
): { readonly context: SpanContext; readonly copied: boolean } | undefined {
  const meta = metaOf(message)
  if (meta === undefined || recordGetter.get(meta, 'traceparent') === undefined) return undefined
  const { log } = settings.telemetry
  const { creation } = extract(meta, recordGetter, signals.propagator, settings.telemetry.now(), log)
  if (creation === undefined) return undefined
  const handled = handledIn(caller)?.creation
  const copied =
    handled !== undefined && handled.traceId === creation.traceId && handled.spanId === creation.spanId
  return { context: creation, copied }
}

/**
 * The span that stands for this tool call already: the conventions want no second one below a framework's `execute_tool`.
 * Ours for the receiving side is another operation, and so is a call of another tool from within.
 */
function outerSpan(context: Context, { method, name }: RequestFacts): Span | undefined {
  if (method !== 'tools/call' || name === undefined) return undefined
  const span = trace.getSpan(context)
  if (span?.isRecording() !== true) return undefined
  const { attributes } = span as { readonly attributes?: Attributes }
  if (attributes?.[ATTR_OPERATION] !== EXECUTE_TOOL || attributes[ATTR_MCP_METHOD] !== undefined)
    return undefined
  return isSameTool(attributes[ATTR_TOOL_NAME], name) ? span : undefined
}

/** Frameworks put the server's name before that of a tool: `mcp__notes__search`, `notes.search`. */
function isSameTool(outer: unknown, name: string): boolean {
  if (outer === undefined) return true
  return (
    typeof outer === 'string' && outer.endsWith(name) && /(^|__|[./:])$/.test(outer.slice(0, -name.length))
  )
}
