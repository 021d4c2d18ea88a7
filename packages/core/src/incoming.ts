import type { Attributes, Link, TextMapGetter } from '@opentelemetry/api'
import type { Destination } from './destination.ts'
import type { Eligibility, Stages } from './transit.ts'
import type { Relation, RootReason } from './trust.ts'
import type { Waybill } from './waybill.ts'

/** How a broker's message was settled. */
export type Outcome = 'ack' | 'nack' | 'reject' | 'requeue' | 'dead_lettered' | 'channel_closed' | 'abandoned'

/** What an adapter says about one delivered message. */
export interface Incoming<C = unknown> extends Eligibility {
  /** The client's own name of the operation: `process`, `consume`, `get`. */
  readonly operation: string
  /** `process` (default) gives a CONSUMER span, `receive` a CLIENT span. */
  readonly operationType?: 'process' | 'receive' | undefined
  /**
   * `performance.now()` at which the operation began, where its span can only be made afterwards: a fetch knows its
   * message when it has it. The wait ends all the same when the message is there. Default: now.
   */
  readonly since?: number | undefined
  /** A receive span has timed and counted this delivery already: only the work on it is recorded. Default false. */
  readonly received?: boolean | undefined
  readonly destination: Destination
  readonly carrier: C
  readonly getter: TextMapGetter<C>
  /** What the carrier's `waybill` field says, where the adapter has read it already. Default: core reads it. */
  readonly waybill?: Partial<Waybill> | undefined
  /** Number of this delivery, from 1; left out where the client cannot tell. */
  readonly attempt?: number | undefined
  readonly messageId?: string | undefined
  /** What kind of message this is to the application, where it names it (BullMQ: the job's name). */
  readonly messageName?: string | undefined
  readonly conversationId?: string | undefined
  readonly group?: string | undefined
  readonly clientId?: string | undefined
  /** The adapter's default where the user gave none. Default `parent`. */
  readonly relation?: Relation | undefined
  /** Set where a new trace is meant, e.g. an iteration of a scheduler. The creation context is linked. */
  readonly rootReason?: RootReason | undefined
  /** Further spans that this one is about, e.g. the attempt before. */
  readonly links?: readonly Link[] | undefined
  /** A further attempt whose wait is known: it has its span, but the histograms are of first deliveries. Default false. */
  readonly retried?: boolean | undefined
  /** False: the wait is in the metric and on the Process span only, where many messages would crowd one trace. */
  readonly transitSpan?: boolean | undefined
  /**
   * Where the message has been, for the split of its wait; asked for only if the span is recorded, with what the producer
   * wrote into the `waybill` field (nothing, if it is not believed).
   */
  readonly stages?: ((waybill: Partial<Waybill>) => Stages) | undefined
  /** The system's own attributes; asked for only if the span is recorded. */
  readonly details?: (() => Attributes) | undefined
}
