import {
  SpanKind,
  trace,
  type Context,
  type Span,
  type SpanContext,
  type TextMapGetter,
  type TextMapPropagator,
} from '@opentelemetry/api'
import { spanAttributes } from './attributes.ts'
import type { Stamp } from './carrier.ts'
import { labelOf } from './destination.ts'
import { safely } from './diag.ts'
import { journeyOf, type Journey } from './journey.ts'
import { inject } from './propagation.ts'
import { readContext } from './remote-context.ts'
import { ATTR_LINKS_OMITTED, ATTR_MESSAGE_ID, ATTR_OPERATION_TYPE } from './semconv.ts'
import type { Outgoing, OutgoingMessage } from './send.ts'
import { reportSend } from './sends.ts'
import { NO_SPAN } from './spans.ts'
import type { Signals, Telemetry } from './telemetry.ts'
import { formatWaybill, WAYBILL_FIELD } from './waybill.ts'

const ONLY_WAYBILL: ReadonlySet<string> = new Set([WAYBILL_FIELD])
const NOTHING_BUT_OLD_TIMES: Stamp = { fields: {}, replaces: ONLY_WAYBILL }
const NOTHING_SPECIAL: OutgoingMessage = {}

/** The call that messages are stamped for. */
export interface SendCall {
  /** The context of whoever makes the call. */
  readonly caller: Context
  /** That context with the span of the call in it. */
  readonly context: Context
  readonly span: Span
  /** Epoch ms at which the call was made. */
  readonly sent: number
}

/**
 * A call of which core decides what is written into each message, and which links what the messages carried before. What is
 * kept is little, and in one object: thousands of sends may be under way.
 */
export class StampedCall {
  protected readonly telemetry: Telemetry
  protected readonly signals: Signals
  protected readonly outgoing: Outgoing
  protected readonly call: SendCall
  #links = 0
  #omitted = 0
  #shared: Stamp | undefined

  constructor(telemetry: Telemetry, signals: Signals, outgoing: Outgoing, call: SendCall) {
    this.telemetry = telemetry
    this.signals = signals
    this.outgoing = outgoing
    this.call = call
  }

  /** See `Sending.stamp`. */
  stamp<C>(carrier?: C, getter?: TextMapGetter<C>, message: OutgoingMessage = NOTHING_SPECIAL): Stamp {
    if (this.outgoing.inject === false) return NOTHING_BUT_OLD_TIMES
    const { forwards } = message
    const { propagator } = this.signals
    const before: SpanContext[] = forwards?.failed === undefined ? [] : [forwards.failed]
    const creation =
      carrier === undefined || carrier === null || getter === undefined
        ? undefined
        : safely(this.telemetry.log, 'reading the headers of an outgoing message', undefined, () =>
            readContext(carrier, getter, propagator),
          )
    if (creation !== undefined) {
      const copied = forwards !== undefined || isSame(creation, this.#journey()?.creation)
      if (!copied && this.telemetry.options.existingContext === 'keep') {
        this.#link(creation)
        return { fields: { [WAYBILL_FIELD]: this.#waybillOf(message) }, replaces: ONLY_WAYBILL }
      }
      before.unshift(creation)
    }
    const stamp = this.#currentStamp(message, before)
    return creation === undefined && forwards === undefined ? stamp : replacingAll(stamp, propagator)
  }

  /** A stamp of the current context, `before` being the contexts that the message comes from. */
  #currentStamp(message: OutgoingMessage, before: readonly SpanContext[]): Stamp {
    const created = this.outgoing.createSpans === true ? this.#createSpan(message, before) : NO_SPAN
    if (created === NO_SPAN) {
      for (const context of before) this.#link(context)
      return this.#sharedStamp(message)
    }
    this.#link(created.spanContext())
    reportSend(this.call.caller, 1, created.spanContext(), this.telemetry.log)
    return this.#stampOf(trace.setSpan(this.call.caller, created), message)
  }

  /** The messages of a call share one stamp, as far as they say nothing of their own. */
  #sharedStamp(message: OutgoingMessage): Stamp {
    const shared = (this.#shared ??= this.#stampOf(this.call.context, NOTHING_SPECIAL))
    if (message.op === undefined && message.forwards === undefined) return shared
    return { ...shared, fields: { ...shared.fields, [WAYBILL_FIELD]: this.#waybillOf(message) } }
  }

  #stampOf(source: Context, message: OutgoingMessage): Stamp {
    const { options, log } = this.telemetry
    const limits = { allow: options.sendBaggage, maxBytes: options.maxBaggageBytes }
    const fields = inject(source, this.signals.propagator, limits, log)
    fields[WAYBILL_FIELD] = this.#waybillOf(message)
    return { fields, replaces: namesIn(fields) }
  }

  #waybillOf({ op = this.outgoing.op, forwards }: OutgoingMessage): string {
    const { sent } = this.call
    const origin = forwards?.origin ?? this.#journey()?.origin ?? sent
    return formatWaybill({ sent, origin, op, fanOut: this.outgoing.fanOut })
  }

  #journey(): Journey | undefined {
    return journeyOf(this.call.caller)
  }

  #link(context: SpanContext): void {
    const { span } = this.call
    if (this.#links < this.telemetry.options.maxLinks) {
      this.#links++
      span.addLink({ context })
    } else span.setAttribute(ATTR_LINKS_OMITTED, ++this.#omitted)
  }

  #createSpan(message: OutgoingMessage, before: readonly SpanContext[]): Span {
    return safely(this.telemetry.log, 'starting a create span', NO_SPAN, () =>
      createSpan(this.telemetry, this.signals, this.outgoing, message, before, this.call.caller),
    )
  }
}

/** One set for nearly every message: the names are the same as long as the propagator is. */
let lastNames: { readonly key: string; readonly names: ReadonlySet<string> } = { key: '', names: new Set() }

function namesIn(fields: Readonly<Record<string, string>>): ReadonlySet<string> {
  let key = ''
  for (const name in fields) key += `${name} `
  if (key !== lastNames.key) lastNames = { key, names: new Set(Object.keys(fields)) }
  return lastNames.names
}

/** The creation of one message: a context of its own, ended at once, since what follows is the call's. */
function createSpan(
  telemetry: Telemetry,
  signals: Signals,
  outgoing: Outgoing,
  message: OutgoingMessage,
  before: readonly SpanContext[],
  caller: Context,
): Span {
  const attributes = spanAttributes(telemetry, 'create', outgoing.destination)
  attributes[ATTR_OPERATION_TYPE] = 'create'
  const links = before.map((context) => ({ context }))
  const options = { kind: SpanKind.PRODUCER, attributes, links }
  const span = signals.tracer.startSpan(`create ${labelOf(outgoing.destination)}`.trimEnd(), options, caller)
  if (span.isRecording()) {
    safely(telemetry.log, 'describing a create span', undefined, () => {
      if (message.messageId !== undefined) span.setAttribute(ATTR_MESSAGE_ID, message.messageId)
      if (message.details !== undefined) span.setAttributes(message.details())
    })
  }
  span.end()
  return span
}

function isSame(a: SpanContext, b: SpanContext | undefined): boolean {
  return b !== undefined && a.traceId === b.traceId && a.spanId === b.spanId
}

/** All context that was there goes, also what the current context does not write again. */
function replacingAll(stamp: Stamp, propagator: TextMapPropagator): Stamp {
  return { fields: stamp.fields, replaces: new Set([...stamp.replaces, ...propagator.fields()]) }
}
