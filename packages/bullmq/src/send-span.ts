import {
  context as contextApi,
  trace,
  type Attributes,
  type AttributeValue,
  type Context,
} from '@opentelemetry/api'
import { beginSend, suppressed, type Failure, type Sending } from '@waybill/core/adapter'
import {
  BULK_COUNT,
  duplicatesOf,
  JOB_DEDUPLICATION_ID,
  JOB_ID,
  JOB_NAME,
  JOB_SCHEDULER_ID,
  QUEUE_NAME,
} from './attributes.ts'
import { nextNode } from './flow.ts'
import type { Internals } from './internals.ts'
import { withMetadata } from './metadata.ts'
import { takeCall, type BulkJob, type Call } from './queue-aware.ts'
import { serverAttributes } from './server.ts'
import type { BullmqSpan } from './types.ts'

interface Operation {
  /**
   * What the consumer is told (conventions §2). Of a flow's node only the wrapped `FlowProducer` can say: BullMQ asks for a
   * node's metadata before the node's children are known.
   */
  readonly op?: 'add' | 'addBulk'
  /** Whether the call itself writes jobs. `addFlow` and `addBulkFlows` only hold their `addNode` calls together. */
  readonly writes: boolean
}

/** PRODUCER operations of BullMQ. */
const OPERATIONS = new Map<string, Operation>([
  ['add', { op: 'add', writes: true }],
  ['addBulk', { op: 'addBulk', writes: true }],
  ['addFlow', { writes: false }],
  ['addBulkFlows', { writes: false }],
  ['addNode', { writes: true }],
  // Jobs that failed or are done wait once more; they keep their metadata, so the span carries nothing on.
  ['retryJobs', { writes: false }],
])

/** The span of one add; `undefined` for an operation that is none. */
export function sendSpan(internals: Internals, operation: string): BullmqSpan | undefined {
  const known = OPERATIONS.get(operation)
  return known && new SendSpan(internals, operation, known)
}

/** A class: there is one for each add. */
class SendSpan implements BullmqSpan {
  readonly #internals: Internals
  readonly #operation: string
  readonly #known: Operation
  readonly #told: Attributes = {}
  #sending: Sending | undefined
  #call: Call | undefined
  #failure: Failure | undefined

  constructor(internals: Internals, operation: string, known: Operation) {
    this.#internals = internals
    this.#operation = operation
    this.#known = known
  }

  setSpanOnContext(context: Context): Context {
    const { telemetry, options } = this.#internals
    // BullMQ has named the queue by now; in the span's name the job's follows, and both may contain dots.
    const queue = textOf(this.#told[QUEUE_NAME]) ?? ''
    const call = takeCall(queue)
    const node = this.#operation === 'addNode' ? nextNode(contextApi.active(), queue) : undefined
    const fanOut = node?.total ?? call?.count ?? 1
    const sending = beginSend(telemetry, {
      operation: this.#operation,
      destination: { name: queue },
      op: node?.op ?? this.#known.op,
      fanOut: fanOut > options.maxFanOut ? fanOut : undefined,
      createSpans: call?.jobs !== undefined,
      details: () => serverAttributes(call?.queue.opts.connection),
    })
    this.#call = call
    this.#sending = sending
    if (sending === undefined) return context
    for (const job of call?.jobs ?? []) stampJob(sending, job)
    const quiet = options.suppressRedis ? suppressed(sending.context) : sending.context
    const below = node === undefined ? quiet : node.below(quiet)
    return this.#known.writes && call?.jobs === undefined
      ? withMetadata(below, () => sending.stamp().fields)
      : below
  }

  setAttribute(key: string, value: AttributeValue): void {
    this.#told[key] = value
  }

  setAttributes(attributes: Attributes): void {
    Object.assign(this.#told, attributes)
  }

  addEvent(): void {}

  recordException(error: unknown): void {
    this.#failure = { error }
  }

  end(): void {
    if (this.#sending === undefined) return
    const { [JOB_ID]: id, [BULK_COUNT]: count } = this.#told
    const { writes } = this.#known
    this.#sending.end({
      failure: this.#failure,
      messageId: textOf(id),
      attributes: this.#attributes(),
      count: writes && typeof count === 'number' ? count : undefined,
      sent: writes,
    })
  }

  #attributes(): Attributes | undefined {
    if (!isRecording(this.#sending)) return undefined
    const duplicates = this.#internals.options.bullmqAttributes && duplicatesOf(this.#told)
    return { ...duplicates, ...attributesOf(this.#told, this.#call) }
  }
}

/** Of metadata that is there already `addBulk` keeps it, the application's own as ours. */
function stampJob(sending: Sending, { name, opts }: BulkJob): void {
  if (opts === undefined || opts.telemetry?.metadata || opts.telemetry?.omitContext) return
  const { fields } = sending.stamp(undefined, undefined, {
    messageId: textOf(opts.jobId),
    details: () => (typeof name === 'string' ? { [JOB_NAME]: name } : {}),
  })
  opts.telemetry = { ...opts.telemetry, metadata: JSON.stringify(fields) }
}

function isRecording(sending: Sending | undefined): boolean {
  return sending !== undefined && trace.getSpan(sending.context)?.isRecording() === true
}

function attributesOf(told: Attributes, call: Call | undefined): Attributes {
  const name = textOf(told[JOB_NAME])
  const scheduler = textOf(told[JOB_SCHEDULER_ID])
  return {
    ...(name !== undefined && { [JOB_NAME]: name }),
    ...(scheduler !== undefined && { [JOB_SCHEDULER_ID]: scheduler }),
    ...(call?.deduplicationId !== undefined && { [JOB_DEDUPLICATION_ID]: call.deduplicationId }),
  }
}

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined
}
