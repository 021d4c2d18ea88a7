import type { Attributes } from '@opentelemetry/api'
import { beginSend, type Failure, type Sending, type Telemetry } from '@waybill/core/adapter'
import { BULK_COUNT, JOB_ID, JOB_NAME, QUEUE_NAME } from './attributes.ts'
import { withSending } from './metadata.ts'
import type { BullmqSpan } from './types.ts'

interface Operation {
  /**
   * What the consumer is told (conventions §2). Not of a flow's nodes: BullMQ asks for a node's metadata before the node's
   * children are known, so nobody can say here whether it is a leaf or a parent.
   */
  readonly op?: 'add' | 'addBulk'
  /** Whether the call itself writes jobs. `addFlow` only holds its `addNode` calls together. */
  readonly writes: boolean
}

/** PRODUCER operations of BullMQ that send jobs. `retryJobs` moves jobs, `addBulkFlows` has no one destination. */
const OPERATIONS = new Map<string, Operation>([
  ['add', { op: 'add', writes: true }],
  ['addBulk', { op: 'addBulk', writes: true }],
  ['addFlow', { writes: false }],
  ['addNode', { writes: true }],
])

/** The span of one add; `undefined` for an operation that sends nothing. */
export function sendSpan(telemetry: Telemetry, operation: string): BullmqSpan | undefined {
  const known = OPERATIONS.get(operation)
  if (known === undefined) return undefined
  const { op, writes } = known
  let told: Attributes = {}
  let sending: Sending | undefined
  let failure: Failure | undefined

  return {
    setSpanOnContext(context) {
      // BullMQ has named the queue by now; in the span's name the job's follows, and both may contain dots.
      sending = beginSend(telemetry, { operation, destination: { name: textOf(told[QUEUE_NAME]) ?? '' }, op })
      if (sending === undefined) return context
      return writes ? withSending(sending) : sending.context
    },
    setAttribute(key, value) {
      told[key] = value
    },
    setAttributes(attributes) {
      told = { ...told, ...attributes }
    },
    addEvent: () => undefined,
    recordException(error) {
      failure = { error }
    },
    end() {
      const { [JOB_ID]: id, [JOB_NAME]: name, [BULK_COUNT]: count } = told
      sending?.end({
        failure,
        messageId: textOf(id),
        attributes: typeof name === 'string' ? { [JOB_NAME]: name } : undefined,
        count: writes && typeof count === 'number' ? count : undefined,
        sent: writes,
      })
    },
  }
}

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined
}
