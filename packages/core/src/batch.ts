import {
  context as contextApi,
  ROOT_CONTEXT,
  SpanKind,
  trace,
  type Attributes,
  type Context,
  type Link,
  type Span,
  type SpanContext,
} from '@opentelemetry/api'
import { arrive, judge, type Arrival, type Judged } from './arrival.ts'
import { labelOf, type Destination } from './destination.ts'
import { safely } from './diag.ts'
import type { Incoming } from './incoming.ts'
import { linkable } from './links.ts'
import { beginJudged, creationAttributes, endSpan, measure, seriesOf, type ProcessResult } from './process.ts'
import { ATTR_BATCH_COUNT, ATTR_DELIVERY_ATTEMPT, ATTR_LINKS_OMITTED, ATTR_TRANSIT_TIME } from './semconv.ts'
import { settle } from './settle.ts'
import { NO_SPAN } from './spans.ts'
import type { Signals, Telemetry } from './telemetry.ts'
import { recordTransit } from './wait.ts'
import { originOf } from './waybill.ts'

/**
 * Whose child the span of a batch is: of no message, of the one send that all of its messages come from (else of none), or
 * of its first message's. It links its messages in any case.
 */
export type BatchParent = 'none' | 'common' | 'first'

/** What an adapter says about a batch that is handed over in one call. */
export interface IncomingBatch {
  readonly operation: string
  readonly destination: Destination
  readonly group?: string | undefined
  readonly clientId?: string | undefined
  /** The messages, in order. */
  readonly messages: readonly Incoming[]
  /** Whose child the batch's span is. Default `none`: a root that links all. */
  readonly parent?: BatchParent | undefined
  readonly details?: (() => Attributes) | undefined
}

/** A message of a batch, as far as its handling has come. */
export interface HandledMessage {
  /** The span of its last run; that of the batch, if it was not run by itself. */
  readonly span: SpanContext
  readonly attempt: number | undefined
  /** Epoch ms of the first send of its journey, if it is believed. */
  readonly origin: number | undefined
}

/** A batch being handled. */
export interface ProcessingBatch {
  readonly context: Context
  /**
   * Runs `handler` for the message at `index` in a Process span, context and baggage of its own. Its wait then ends here,
   * not at the start of the batch. Run once more, it is the next attempt; wait and delivery are not counted again.
   */
  run<T>(index: number, handler: () => T): T
  /** What there is to say of the message at `index` to whoever gets it next. */
  about(index: number): HandledMessage | undefined
  /** Ends the batch's span; records the wait of every message that was not run by itself. Later calls do nothing. */
  end(result?: ProcessResult): void
}

/**
 * Starts the span of a batch: one Process span that links every message's creation context, sampled ones first, at most
 * `maxLinks`, the number of omitted ones in an attribute. `undefined` if no SDK is registered. Never throws.
 */
export function beginBatch(telemetry: Telemetry, batch: IncomingBatch): ProcessingBatch | undefined {
  const { log } = telemetry
  const signals = telemetry.signals()
  if (signals === undefined) return undefined
  const judged: Judged[] = batch.messages.map((message) => judge(telemetry, signals, message))
  const reached = telemetry.now()
  const started = performance.now()
  const arrivals: (Arrival | undefined)[] = judged.map((message) => arrive(message, reached))
  const span = safely(log, 'starting a batch span', NO_SPAN, () =>
    startSpan(telemetry, signals, batch, arrivals as Arrival[]),
  )
  const runs = new Map<number, { readonly count: number; readonly span: SpanContext }>()
  let ended = false
  return {
    context: span === NO_SPAN ? ROOT_CONTEXT : trace.setSpan(ROOT_CONTEXT, span),
    run(index, handler) {
      const message = batch.messages[index]
      const first = judged[index]
      if (message === undefined || first === undefined) return handler()
      const earlier = runs.get(index)?.count ?? 0
      // Run before, or counted when the batch ended.
      const received = arrivals[index] === undefined
      arrivals[index] = undefined
      const attempt = message.attempt === undefined ? undefined : message.attempt + earlier
      const again = (): Judged => judge(telemetry, signals, { ...message, received, attempt })
      const processing = beginJudged(telemetry, signals, received ? again() : first)
      runs.set(index, { count: earlier + 1, span: processing.span.spanContext() })
      return settle(
        () => contextApi.with(processing.context, handler),
        (failure) => {
          processing.end({ failure })
        },
      )
    },
    about(index) {
      const message = judged[index]
      if (message === undefined) return undefined
      const { incoming, trust, extracted } = message
      const run = runs.get(index)
      return {
        span: run?.span ?? span.spanContext(),
        attempt:
          incoming.attempt === undefined ? undefined : incoming.attempt + Math.max(0, (run?.count ?? 0) - 1),
        origin: trust === 'continue' ? originOf(extracted.waybill) : undefined,
      }
    },
    end(result = {}) {
      if (ended) return
      ended = true
      safely(log, 'ending a batch span', undefined, () => {
        endSpan(span, result)
        const left = arrivals.filter((arrival) => arrival !== undefined)
        arrivals.fill(undefined)
        for (const arrival of left) recordTransit(telemetry, signals, arrival)
        const series = seriesOf(telemetry, signals, batch)
        const seconds = (performance.now() - started) / 1000
        measure(signals, 'process', series, seconds, result, left.length)
      })
    },
  }
}

/** Runs the handler of a batch in the batch's span; see `beginBatch` and `process`. */
export function processBatch<T>(
  telemetry: Telemetry,
  batch: IncomingBatch,
  handler: (batch: ProcessingBatch | undefined) => T,
): T {
  const processing = beginBatch(telemetry, batch)
  if (processing === undefined) return handler(undefined)
  return settle(
    () => contextApi.with(processing.context, () => handler(processing)),
    (failure) => {
      processing.end({ failure })
    },
  )
}

function startSpan(
  telemetry: Telemetry,
  signals: Signals,
  batch: IncomingBatch,
  arrivals: readonly Arrival[],
): Span {
  const attributes = creationAttributes(telemetry, batch)
  attributes[ATTR_BATCH_COUNT] = batch.messages.length
  const { links, omitted } = linksOf(arrivals, telemetry.options.maxLinks)
  if (omitted > 0) attributes[ATTR_LINKS_OMITTED] = omitted
  const parent = parentOf(arrivals, batch.parent)
  const span = signals.tracer.startSpan(
    `${batch.operation} ${labelOf(batch.destination)}`,
    { kind: SpanKind.CONSUMER, attributes, links },
    parent === undefined ? ROOT_CONTEXT : trace.setSpanContext(ROOT_CONTEXT, parent),
  )
  const { details } = batch
  if (span.isRecording() && details !== undefined) {
    safely(telemetry.log, 'describing a batch span', undefined, () => {
      span.setAttributes(details())
    })
  }
  return span
}

/** Only what a message alone would be a child of can be the parent of its batch. */
function parentOf(arrivals: readonly Arrival[], wanted: BatchParent = 'none'): SpanContext | undefined {
  const [first] = arrivals
  if (wanted === 'none' || first === undefined) return undefined
  const parent = believedParent(first)
  if (wanted === 'first' || parent === undefined) return parent
  const isCommon = arrivals.every((arrival) => {
    const other = believedParent(arrival)
    return other?.spanId === parent.spanId && other.traceId === parent.traceId
  })
  return isCommon ? parent : undefined
}

function believedParent({ incoming, extracted, trust, relation }: Arrival): SpanContext | undefined {
  const isParent = trust === 'continue' && relation === 'parent' && incoming.rootReason === undefined
  return isParent ? extracted.creation : undefined
}

function linksOf(arrivals: readonly Arrival[], limit: number): { links: Link[]; omitted: number } {
  const linked = arrivals.filter(
    (arrival) => arrival.extracted.creation !== undefined && arrival.trust !== 'ignore',
  )
  const { kept, omitted } = linkable(linked, ({ extracted }) => extracted.creation, limit)
  return { links: kept.map(linkTo), omitted }
}

function linkTo({ incoming, extracted, transit }: Arrival): Link {
  const attributes: Attributes = {}
  if (incoming.attempt !== undefined) attributes[ATTR_DELIVERY_ATTEMPT] = incoming.attempt
  if (transit.kind === 'known') attributes[ATTR_TRANSIT_TIME] = (transit.to - transit.from) / 1000
  return { context: extracted.creation!, attributes }
}
