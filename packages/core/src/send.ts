import {
  context as contextApi,
  SpanKind,
  trace,
  type Attributes,
  type Context,
  type Span,
  type SpanContext,
  type TextMapGetter,
} from '@opentelemetry/api'
import { seriesAttributes, spanAttributes } from './attributes.ts'
import type { Stamp } from './carrier.ts'
import { labelOf, type Destination } from './destination.ts'
import { reportFault, safely } from './diag.ts'
import { recordFailure, withFailure, type Ending } from './failure.ts'
import { ATTR_BATCH_COUNT, ATTR_CONVERSATION_ID, ATTR_MESSAGE_ID, ATTR_OPERATION_TYPE } from './semconv.ts'
import { reportSend } from './sends.ts'
import { settle } from './settle.ts'
import { NO_SPAN } from './spans.ts'
import { StampedCall, type SendCall } from './stamping.ts'
import type { Signals, Telemetry } from './telemetry.ts'

/** What an adapter says about one send. */
export interface Outgoing {
  /** The client's own name of the operation: `publish`, `send`, `xadd`, `add`. */
  readonly operation: string
  readonly destination: Destination
  readonly messageId?: string | undefined
  readonly conversationId?: string | undefined
  /** Number of messages in the call. Default 1. */
  readonly count?: number | undefined
  /** Native operation for the `waybill` field, where the consumer needs it (BullMQ). */
  readonly op?: string | undefined
  /** Number of messages that one call of the application makes, where the consumer is to know how wide it fans out. */
  readonly fanOut?: number | undefined
  /**
   * A PRODUCER span `create …` for each message that is stamped, the creation context of that message alone; the span of
   * the call is then a CLIENT span that links them. Default false: the messages of a call share its PRODUCER span.
   */
  readonly createSpans?: boolean | undefined
  /** Whether the messages may get fields of ours. Without them a copied `waybill` field goes, its times being old. Default true. */
  readonly inject?: boolean | undefined
  /** The system's own attributes; asked for only if the span is recorded. */
  readonly details?: (() => Attributes) | undefined
}

/** What an adapter says about one message of a send, where the messages differ. */
export interface OutgoingMessage {
  readonly messageId?: string | undefined
  /** Overrides `Outgoing.op`. */
  readonly op?: string | undefined
  /** A copy of a consumed message that is sent on: it continues that journey, its context is replaced and linked. */
  readonly forwards?:
    | { readonly origin?: number | undefined; readonly failed?: SpanContext | undefined }
    | undefined
  /** Attributes of its `create` span, if it gets one and that is recorded. */
  readonly details?: (() => Attributes) | undefined
}

/** How a send ended. Without `failure` and `errorType` it succeeded. */
export interface SendResult extends Ending {
  readonly messageId?: string | undefined
  readonly attributes?: Attributes | undefined
  /** Number of messages, where it is known only after the call began. Default: `Outgoing.count`. */
  readonly count?: number | undefined
  /** False if the broker took nothing although nothing failed. Default true. */
  readonly sent?: boolean | undefined
}

/** A send under way: one PRODUCER span that ends exactly once. */
export interface Sending {
  /** The caller's context with the span in it, for the client's own call. */
  readonly context: Context
  /**
   * What to write into one message. A `traceparent` that the application set stays and is linked, unless it is that of
   * the message being handled now: then headers were copied, and ours replace it (conventions §2).
   */
  stamp<C>(carrier?: C, getter?: TextMapGetter<C>, message?: OutgoingMessage): Stamp
  /** Ends the span and counts the messages. Later calls do nothing. */
  end(result?: SendResult): void
}

/** Starts the span of a send; `undefined` if no SDK is registered. Never throws. */
export function beginSend(telemetry: Telemetry, outgoing: Outgoing): Sending | undefined {
  const { log } = telemetry
  const signals = telemetry.signals()
  if (signals === undefined) return undefined
  const caller = contextApi.active()
  const sent = Math.trunc(telemetry.now())
  const started = performance.now()
  const span = startSpan(telemetry, signals, outgoing, caller)
  const context = span === NO_SPAN ? caller : trace.setSpan(caller, span)
  // With a span of each message's own that one is told of, not the call's.
  if (outgoing.createSpans !== true) reportSend(caller, outgoing.count ?? 1, span.spanContext(), log)
  return new OpenSending(telemetry, signals, outgoing, { caller, context, span, sent }, started)
}

class OpenSending extends StampedCall implements Sending {
  readonly #started: number
  #ended = false

  constructor(telemetry: Telemetry, signals: Signals, outgoing: Outgoing, call: SendCall, started: number) {
    super(telemetry, signals, outgoing, call)
    this.#started = started
  }

  get context(): Context {
    return this.call.context
  }

  end(result: SendResult = {}): void {
    if (this.#ended) return
    this.#ended = true
    const { telemetry, signals, outgoing, call } = this
    try {
      const seconds = (performance.now() - this.#started) / 1000
      const { count = 1, createSpans } = outgoing
      const more = (result.count ?? count) - count
      if (more > 0 && createSpans !== true)
        reportSend(call.caller, more, call.span.spanContext(), telemetry.log)
      finish(telemetry, signals, outgoing, call.span, result, seconds)
    } catch (error) {
      reportFault(telemetry.log, 'ending a send span', error)
    }
  }
}

/**
 * Runs one send: span, context, stamp, the client's own call, and the end of the span when that settles. The adapter's
 * whole producer side, where a client has no confirm of its own.
 *
 * @param call gets the sending, `undefined` if no SDK is registered, and makes the client's call
 * @param describe reads what the client answered: message id, partition, offset
 */
export function send<T>(
  telemetry: Telemetry,
  outgoing: Outgoing,
  call: (sending: Sending | undefined) => T,
  describe?: (answer: Awaited<T>) => SendResult,
): T {
  const sending = beginSend(telemetry, outgoing)
  if (sending === undefined) return call(undefined)
  return settle(
    () => contextApi.with(sending.context, () => call(sending)),
    (failure, answer) => {
      if (failure !== undefined) sending.end({ failure })
      else
        sending.end(
          safely(
            telemetry.log,
            'reading the answer to a send',
            {},
            () => describe?.(answer as Awaited<T>) ?? {},
          ),
        )
    },
  )
}

function startSpan(telemetry: Telemetry, signals: Signals, outgoing: Outgoing, caller: Context): Span {
  let span = NO_SPAN
  try {
    const attributes = spanAttributes(telemetry, outgoing.operation, outgoing.destination)
    attributes[ATTR_OPERATION_TYPE] = 'send'
    const name = `${outgoing.operation} ${labelOf(outgoing.destination)}`.trimEnd()
    // A second PRODUCER above those of the messages would count each of them twice in service graphs.
    const kind = outgoing.createSpans === true ? SpanKind.CLIENT : SpanKind.PRODUCER
    span = signals.tracer.startSpan(name, { kind, attributes }, caller)
  } catch (error) {
    reportFault(telemetry.log, 'starting a send span', error)
  }
  if (span.isRecording())
    safely(telemetry.log, 'describing a send span', undefined, () => {
      describe(span, outgoing)
    })
  return span
}

function describe(span: Span, outgoing: Outgoing): void {
  if (outgoing.messageId !== undefined) span.setAttribute(ATTR_MESSAGE_ID, outgoing.messageId)
  if (outgoing.conversationId !== undefined) span.setAttribute(ATTR_CONVERSATION_ID, outgoing.conversationId)
  if (outgoing.count !== undefined && outgoing.count !== 1)
    span.setAttribute(ATTR_BATCH_COUNT, outgoing.count)
  if (outgoing.details !== undefined) span.setAttributes(outgoing.details())
}

function finish(
  telemetry: Telemetry,
  signals: Signals,
  outgoing: Outgoing,
  span: Span,
  result: SendResult,
  seconds: number,
): void {
  try {
    if (span.isRecording()) {
      if (result.messageId !== undefined) span.setAttribute(ATTR_MESSAGE_ID, result.messageId)
      if (result.attributes !== undefined) span.setAttributes(result.attributes)
      if (result.count !== undefined && result.count !== 1) span.setAttribute(ATTR_BATCH_COUNT, result.count)
      recordFailure(span, result)
    }
  } finally {
    span.end()
  }
  const series = seriesAttributes(telemetry, signals, outgoing.operation, outgoing.destination)
  const attributes = withFailure(series, result)
  signals.instruments.operationDuration.record(seconds, attributes)
  if (result.sent !== false) signals.instruments.sent.add(result.count ?? outgoing.count ?? 1, attributes)
}
