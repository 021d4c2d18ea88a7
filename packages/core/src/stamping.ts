import { SpanKind, trace, type Context, type Span, type SpanContext } from '@opentelemetry/api'
import { spanAttributes } from './attributes.ts'
import type { Stamp } from './carrier.ts'
import { labelOf } from './destination.ts'
import { safely } from './diag.ts'
import { journeyOf } from './journey.ts'
import { inject, readContext } from './propagation.ts'
import { ATTR_LINKS_OMITTED, ATTR_MESSAGE_ID, ATTR_OPERATION_TYPE } from './semconv.ts'
import type { Outgoing, OutgoingMessage, Sending } from './send.ts'
import { NO_SPAN } from './spans.ts'
import type { Signals, Telemetry } from './telemetry.ts'
import { formatWaybill, WAYBILL_FIELD } from './waybill.ts'

const ONLY_WAYBILL: ReadonlySet<string> = new Set([WAYBILL_FIELD])
const NOTHING_BUT_OLD_TIMES: Stamp = { fields: {}, replaces: ONLY_WAYBILL }
const NOTHING_SPECIAL: OutgoingMessage = {}

/** The call that messages are stamped for. */
interface SendCall {
  /** The context of whoever makes the call. */
  readonly caller: Context
  /** That context with the span of the call in it. */
  readonly context: Context
  readonly span: Span
  /** Epoch ms at which the call was made. */
  readonly sent: number
}

/** Decides what is written into each message of one call, and links what the messages carried before. */
export function createStamping(
  telemetry: Telemetry,
  signals: Signals,
  outgoing: Outgoing,
  { caller, context, span, sent }: SendCall,
): Sending['stamp'] {
  const { log } = telemetry
  const { maxLinks, existingContext, sendBaggage, maxBaggageBytes } = telemetry.options
  const journey = journeyOf(caller)
  let [links, omitted] = [0, 0]
  let shared: Stamp | undefined

  function link(to: SpanContext): void {
    if (links < maxLinks) {
      links++
      span.addLink({ context: to })
    } else span.setAttribute(ATTR_LINKS_OMITTED, ++omitted)
  }

  function waybillOf({ op = outgoing.op, forwards }: OutgoingMessage): string {
    const origin = forwards?.origin ?? journey?.origin ?? sent
    const { fanOut } = outgoing
    return formatWaybill({
      sent,
      origin,
      ...(op !== undefined && { op }),
      ...(fanOut !== undefined && { fanOut }),
    })
  }

  function stampOf(source: Context, message: OutgoingMessage): Stamp {
    const limits = { allow: sendBaggage, maxBytes: maxBaggageBytes }
    const fields = inject(source, signals.propagator, limits, log)
    fields[WAYBILL_FIELD] = waybillOf(message)
    return { fields, replaces: new Set(Object.keys(fields)) }
  }

  /** The messages of a call share one stamp, as far as they say nothing of their own. */
  function sharedStamp(message: OutgoingMessage): Stamp {
    shared ??= stampOf(context, NOTHING_SPECIAL)
    if (message.op === undefined && message.forwards === undefined) return shared
    return { ...shared, fields: { ...shared.fields, [WAYBILL_FIELD]: waybillOf(message) } }
  }

  /** A stamp of the current context, `before` being the contexts that the message comes from. */
  function currentStamp(message: OutgoingMessage, before: readonly SpanContext[]): Stamp {
    const created =
      outgoing.createSpans === true
        ? safely(log, 'starting a create span', NO_SPAN, () =>
            createSpan(telemetry, signals, outgoing, message, before, caller),
          )
        : NO_SPAN
    if (created === NO_SPAN) {
      before.forEach(link)
      return sharedStamp(message)
    }
    link(created.spanContext())
    return stampOf(trace.setSpan(caller, created), message)
  }

  return (carrier, getter, message = NOTHING_SPECIAL) => {
    if (outgoing.inject === false) return NOTHING_BUT_OLD_TIMES
    const { forwards } = message
    const before: SpanContext[] = forwards?.failed === undefined ? [] : [forwards.failed]
    const creation =
      carrier === undefined || carrier === null || getter === undefined
        ? undefined
        : safely(log, 'reading the headers of an outgoing message', undefined, () =>
            readContext(carrier, getter, signals.propagator),
          )
    if (creation !== undefined) {
      const copied = forwards !== undefined || isSame(creation, journey?.creation)
      if (!copied && existingContext === 'keep') {
        link(creation)
        return { fields: { [WAYBILL_FIELD]: waybillOf(message) }, replaces: ONLY_WAYBILL }
      }
      before.unshift(creation)
    }
    const stamp = currentStamp(message, before)
    return creation === undefined && forwards === undefined ? stamp : replacingAll(stamp, signals)
  }
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
function replacingAll(stamp: Stamp, signals: Signals): Stamp {
  return { fields: stamp.fields, replaces: new Set([...stamp.replaces, ...signals.propagator.fields()]) }
}
